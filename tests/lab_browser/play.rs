//! The first room: it moves, every slider does something, links lead back.

use serde_json::{Value, json};

use super::visit;

/// Moves the slider with this number to another place, and gives back the name of its knob.
const MOVE: &str = "
    const slider = document.querySelectorAll('#play .knobs input[type=range]')[arguments[0]];
    if (!slider) return null;
    const middle = (Number(slider.min) + Number(slider.max)) / 2;
    const step = Number(slider.step);
    slider.value = Number(slider.value) === middle ? middle + step : middle;
    if (slider.value === arguments[1]) slider.value = Number(slider.min) + step;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    return slider.closest('.knob').dataset.knob;";
const DRAWN: &str = "performance.getEntriesByName('coalmine-curve').length";

#[tokio::test]
async fn the_page_moves_at_once_and_says_what_it_shows() {
    let Some((_lab, browser)) = visit("").await else {
        return;
    };
    browser
        .until(
            "a sentence about the rollouts",
            "document.querySelector('#play .gist')?.textContent.includes('%')",
        )
        .await;
    let time = "Number(document.querySelector('#play .track input').value)";
    browser.until("time goes on", &format!("{time} > 20")).await;
    let label = "document.querySelector('#play canvas.flow').getAttribute('aria-label')";
    browser
        .until(
            "the flow is told",
            &format!("{label}.includes('go to the canary')"),
        )
        .await;
    // Half of the page's weight at most, as it comes over the line.
    let bytes = browser
        .script(
            "return performance.getEntriesByType('resource')
                .concat(performance.getEntriesByType('navigation'))
                .filter((one) => !one.name.includes('/api/'))
                .reduce((sum, one) => sum + one.transferSize, 0);",
            Vec::new(),
        )
        .await;
    let bytes = bytes.as_f64().expect("a number");
    assert!((20e3..200e3).contains(&bytes), "{bytes} bytes");
    browser.is_content().await;
}

#[tokio::test]
async fn every_slider_draws_the_curves_anew() {
    let Some((_lab, browser)) = visit("scenario=low-traffic").await else {
        return;
    };
    browser.until("curves", &format!("{DRAWN} > 0")).await;
    browser
        .until(
            "sliders",
            "document.querySelectorAll('#play .knobs input[type=range]').length > 5",
        )
        .await;
    browser
        .script(
            "document.querySelector('#play .knobs details').open = true",
            Vec::new(),
        )
        .await;
    let mut moved = Vec::new();
    for number in 0.. {
        let before = browser
            .script(&format!("return [{DRAWN}, location.hash]"), Vec::new())
            .await;
        let knob = browser.script(MOVE, vec![json!(number), Value::Null]).await;
        let Some(knob) = knob.as_str().map(str::to_owned) else {
            break;
        };
        let (drawn, hash) = (&before[0], &before[1]);
        let told = "document.querySelector('#play .problem').textContent.length > 20";
        browser
            .until(
                &format!("curves after {knob}"),
                &format!("{DRAWN} > {drawn} || {told}"),
            )
            .await;
        browser
            .until(
                &format!("a link after {knob}"),
                &format!("location.hash !== {hash}"),
            )
            .await;
        moved.push(knob);
        // Each from where the scenario begins.
        let reset = "document.querySelector('#play .panel > button').click();
            document.activeElement.blur();
            return true;";
        browser.script(reset, Vec::new()).await;
        browser
            .until(
                "the scenario as it was",
                "location.hash === '#scenario=low-traffic'",
            )
            .await;
    }
    for knob in [
        "rate",
        "errors",
        "latency.p99",
        "rollout.steps[0].weight",
        "rollout.gates[0].min",
    ] {
        assert!(
            moved.iter().any(|one| one == knob),
            "{knob} is not among {moved:?}"
        );
    }
    browser.is_content().await;
}

#[tokio::test]
async fn a_link_carries_the_setting_and_back_leads_back() {
    let Some((lab, browser)) = visit("scenario=default&rate=100/s&release=good").await else {
        return;
    };
    let rate = "document.querySelector('#play [data-knob=rate] output')?.textContent";
    browser
        .until(
            "the rate of the link",
            &format!("{rate}?.startsWith('100')"),
        )
        .await;
    browser
        .until(
            "a good release",
            "document.querySelector('#play .release select').value === 'good'",
        )
        .await;
    let choose = "const gate = [...document.querySelectorAll('#play .panel select')][0];
        gate.value = [...gate.options].at(-1).value;
        gate.dispatchEvent(new Event('change', { bubbles: true }));";
    browser.script(choose, Vec::new()).await;
    browser
        .until("the gate in the link", "location.hash.includes('gate=')")
        .await;
    browser.enter("lessons").await;
    browser.client.back().await.expect("the way back");
    browser
        .until(
            "the setting again",
            "!document.querySelector('#play').hidden && location.hash.includes('rate=100/s')",
        )
        .await;
    // What a link must not carry: anything that runs.
    browser
        .open_page(&lab.page("scenario=%3Cimg%20src=x%20onerror=alert(1)%3E"))
        .await;
    browser
        .until(
            "a refusal",
            "document.querySelector('#play .problem')?.textContent.length > 10",
        )
        .await;
    let images = browser
        .script(
            "return document.querySelectorAll('#play img').length",
            Vec::new(),
        )
        .await;
    assert_eq!(images, json!(0));
}

#[tokio::test]
async fn back_undoes_a_slider_that_has_the_focus_and_other_rooms_keep_the_setting() {
    let Some((_lab, browser)) = visit("scenario=low-traffic").await else {
        return;
    };
    let rate = "document.querySelector('#play [data-knob=rate] input')";
    browser.until("sliders", rate).await;
    let before = browser
        .script(&format!("return {rate}.value"), Vec::new())
        .await;
    let slide = format!(
        "{rate}.focus();
        for (let i = 0; i < 5; i += 1) {{
            {rate}.value = Number({rate}.value) + 9;
            {rate}.dispatchEvent(new Event('input', {{ bubbles: true }}));
        }}"
    );
    browser.script(&slide, Vec::new()).await;
    browser
        .until("the rate in the link", "location.hash.includes('rate=')")
        .await;
    // By way of the lessons, with the setting.
    for room in ["lessons", "play"] {
        browser.enter(room).await;
    }
    browser
        .until("the rate is kept", "location.hash.includes('rate=')")
        .await;
    // The two rooms, and then the slider as one step.
    browser.script(&format!("{rate}.focus()"), Vec::new()).await;
    for _ in 0..3 {
        browser.client.back().await.expect("the way back");
    }
    browser
        .until(
            "the slider as it was",
            &format!("!location.hash.includes('rate=') && {rate}.value === {before}"),
        )
        .await;
    browser.is_content().await;
}

#[tokio::test]
async fn scrubbing_back_shows_the_same_picture() {
    let Some((_lab, browser)) = visit("scenario=default").await else {
        return;
    };
    browser
        .until(
            "a rollout",
            "document.querySelectorAll('#play .tick').length > 1",
        )
        .await;
    browser
        .until(
            "a world",
            "document.querySelectorAll('#play .knob').length > 5",
        )
        .await;
    let picture = "const scrub = document.querySelector('#play .track input');
        scrub.value = arguments[0];
        scrub.dispatchEvent(new Event('input', { bubbles: true }));
        return document.querySelector('#play canvas.flow').toDataURL();";
    // A browser paints otherwise from the first time on that its picture is read.
    browser.script(picture, vec![json!("500")]).await;
    let first = browser.script(picture, vec![json!("300")]).await;
    let other = browser.script(picture, vec![json!("700")]).await;
    let again = browser.script(picture, vec![json!("300")]).await;
    assert_eq!(first, again);
    assert_ne!(first, other);
}
