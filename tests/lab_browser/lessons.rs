//! Every lesson to its end: read, predicted, played, answered.

use serde_json::json;

use super::browser::Browser;
use super::lab::Lab;
use super::visit;

/// Says something, as a person would: a line, a number, a choice.
const PREDICT: &str = "
    const room = document.querySelector('#lessons');
    for (const handle of room.querySelectorAll('.predict .handle')) {
        handle.dispatchEvent(new KeyboardEvent('keydown', { key: 'PageUp', bubbles: true }));
    }
    const number = room.querySelector('.number input');
    if (number) { number.value = number.max; number.dispatchEvent(new Event('input', { bubbles: true })); }
    room.querySelector('.choices input')?.click();
    const commit = [...room.querySelectorAll('button.primary')].find((one) => one.textContent.startsWith('This is'));
    if (!commit || commit.disabled) return false;
    commit.click();
    return true;";

/// Moves the run to its end.
const END: &str = "
    const scrub = document.querySelector('#lessons .track input');
    scrub.value = scrub.max;
    scrub.dispatchEvent(new Event('input', { bubbles: true }));";

/// Says something to the lesson that is open, which has not told its answer before.
async fn predict(browser: &Browser, lesson: &str) {
    let widget = "document.querySelector('#lessons .predict, #lessons .number, #lessons .choices')";
    browser
        .until(&format!("a question of {lesson}"), widget)
        .await;
    let hidden = browser
        .script(
            "return document.querySelector('#lessons .rest').hidden",
            Vec::new(),
        )
        .await;
    assert_eq!(hidden, json!(true), "{lesson} answers before it asks");
    let said = browser.script(PREDICT, Vec::new()).await;
    assert_eq!(said, json!(true), "{lesson} takes no answer");
}

async fn play_quarter(quarter: usize) {
    let Some((lab, browser)) = visit("lessons").await else {
        return;
    };
    browser
        .until(
            "a list",
            "document.querySelectorAll('#lessons .lessons a').length >= 15",
        )
        .await;
    let links = browser
        .script(
            "return [...document.querySelectorAll('#lessons .lessons a')].map((one) => one.hash)",
            Vec::new(),
        )
        .await;
    let links: Vec<String> = serde_json::from_value(links).expect("links");
    for link in links.iter().skip(quarter).step_by(4) {
        play(&lab, &browser, link.trim_start_matches('#')).await;
    }
    browser.open_page(&lab.page("lessons")).await;
    let done = links.iter().skip(quarter).step_by(4).count();
    browser
        .until(
            "progress is kept",
            &format!("document.querySelectorAll('#lessons .done').length === {done}"),
        )
        .await;
    browser.is_content().await;
}

async fn play(lab: &Lab, browser: &Browser, lesson: &str) {
    browser.open_page(&lab.page(lesson)).await;
    predict(browser, lesson).await;
    let told = "document.querySelector('#lessons .told').textContent";
    browser
        .until(
            &format!("an answer of {lesson}"),
            &format!("{told} && !{told}.startsWith('Playing')"),
        )
        .await;
    browser
        .until(
            &format!("a rollout of {lesson}"),
            "document.querySelector('#lessons .tick')",
        )
        .await;
    // What came of it is told when it was seen, and not before.
    let together = "const seen = document.querySelector('#lessons .stamp').textContent !== '';
        return seen === (getComputedStyle(document.querySelector('#lessons .outcome')).visibility === 'visible');";
    let told_then = browser.script(together, Vec::new()).await;
    assert_eq!(told_then, json!(true), "{lesson} tells the end first");
    browser.script(END, Vec::new()).await;
    browser
        .until(
            &format!("the end of {lesson}"),
            "document.querySelector('#lessons .stamp').textContent",
        )
        .await;
    let tries = "[...document.querySelectorAll('#lessons .outcomes')]";
    browser
        .until(
            &format!("figures of {lesson}"),
            &format!(
                "{tries}.length > 1 && {tries}.every((one) => one.textContent.includes('catches'))"
            ),
        )
        .await;
    browser.is_content().await;
}

#[tokio::test]
async fn lessons_of_the_first_quarter_run_to_their_end() {
    play_quarter(0).await;
}

#[tokio::test]
async fn lessons_of_the_second_quarter_run_to_their_end() {
    play_quarter(1).await;
}

#[tokio::test]
async fn lessons_of_the_third_quarter_run_to_their_end() {
    play_quarter(2).await;
}

#[tokio::test]
async fn lessons_of_the_last_quarter_run_to_their_end() {
    play_quarter(3).await;
}

#[tokio::test]
async fn a_lesson_about_a_good_release_plays_a_good_one_as_it_asks() {
    let Some((_lab, browser)) = visit("lesson=nervous-gate").await else {
        return;
    };
    predict(&browser, "nervous-gate").await;
    browser
        .until(
            "its rollout",
            "document.querySelectorAll('#lessons .tick').length > 1",
        )
        .await;
    let played = "return [
        document.querySelector('#lessons .release select').value,
        document.querySelector('#lessons .chip').textContent,
        [...document.querySelectorAll('#lessons .tick small')].every((one) => /^ [05]\\u00a0%$/.test(one.textContent)),
        document.activeElement.textContent,
    ];";
    let played = browser.script(played, Vec::new()).await;
    assert_eq!(
        played,
        json!(["good", "held at 5\u{a0}% \u{2715}", true, "See it happen"])
    );
    let open = "[...document.querySelectorAll('#lessons .try a')]";
    browser
        .until("something to try", &format!("{open}.length > 1"))
        .await;
    let carry = format!(
        "return {open}.every((one) => one.hash.includes('release=good') && one.hash.includes('held=5'))"
    );
    assert_eq!(browser.script(&carry, Vec::new()).await, json!(true));
    // It can be played otherwise: bad, as written.
    browser
        .script(
            "document.querySelector('#lessons .chip').click()",
            Vec::new(),
        )
        .await;
    browser
        .until(
            "the rollout as written",
            "document.querySelector('#lessons .chip').hidden && location.hash.includes('held=0')",
        )
        .await;
    browser.is_content().await;
}

#[tokio::test]
async fn a_lesson_about_what_follows_plays_on_after_the_end() {
    let Some((_lab, browser)) = visit("lesson=time-bomb").await else {
        return;
    };
    predict(&browser, "time-bomb").await;
    // 45 minutes of rollout and half an hour after it.
    let time = "return document.querySelector('#lessons .time').textContent;";
    let whole = format!("(() => {{ {END} {time} }})() === '1h15m'");
    browser.until("the half hour after the end", &whole).await;
}

#[tokio::test]
async fn a_curve_is_drawn_with_a_fast_hand() {
    let Some((_lab, browser)) = visit("lesson=thirty-requests").await else {
        return;
    };
    browser.resize(1440, 900).await;
    browser
        .until(
            "a line to drag",
            "document.querySelectorAll('#lessons .predict .handle').length > 4",
        )
        .await;
    let handles = "document.querySelector('#lessons .predict').scrollIntoView({ block: 'center', behavior: 'instant' });
        return [...document.querySelectorAll('#lessons .predict .handle')].map((one) => {
            const box = one.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        });";
    let handles = browser.script(handles, Vec::new()).await;
    let handles: Vec<(f64, f64)> = serde_json::from_value(handles).expect("places");
    let (first, last) = (handles[0], handles[handles.len() - 1]);
    // From the middle on the left down, and at once up to the right.
    browser
        .drag(&[first, (first.0, first.1 + 80.0), (last.0, last.1 - 80.0)])
        .await;
    let values = "return [...document.querySelectorAll('#lessons .predict .handle')]
        .map((one) => Number(one.getAttribute('aria-valuenow')));";
    let values = browser.script(values, Vec::new()).await;
    let values: Vec<f64> = serde_json::from_value(values).expect("values");
    assert!(
        values[0] < 30.0 && values[values.len() - 1] > 70.0,
        "{values:?}"
    );
    assert!(values.is_sorted(), "{values:?}");
    assert!(
        values.iter().filter(|value| **value == 50.0).count() <= 1,
        "{values:?}"
    );
    let commit = "return document.querySelector('#lessons .asked button.primary').disabled";
    assert_eq!(browser.script(commit, Vec::new()).await, json!(false));
}
