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
    let end = "const scrub = document.querySelector('#lessons .track input');
        scrub.value = scrub.max;
        scrub.dispatchEvent(new Event('input', { bubbles: true }));";
    browser.script(end, Vec::new()).await;
    browser
        .until(
            &format!("the end of {lesson}"),
            "!document.querySelector('#lessons .stamp').hidden",
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
