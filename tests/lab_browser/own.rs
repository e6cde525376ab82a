//! Own files: dropped, understood, mended, played, and carried by a link.

use serde_json::json;

use super::browser::Browser;
use super::visit;

const CANARY: &str = include_str!("../../scenarios/plain-flagger.yaml");
const DROP: &str = "
    const files = new DataTransfer();
    files.items.add(new File([arguments[0]], arguments[1]));
    document.querySelector('#own .drop').dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));";
const SHOWN: &str = "document.querySelector('#own .understood:not([hidden])')?.textContent ?? ''";

/// Drops a manifest where files are taken.
async fn drop(browser: &Browser, text: &str) {
    browser
        .until("a place to drop", "document.querySelector('#own .drop')")
        .await;
    browser
        .script(DROP, vec![json!(text), json!("canary.yaml")])
        .await;
}

async fn is_understood(browser: &Browser) {
    browser
        .until(
            "what was understood",
            &format!("({SHOWN}).includes('Flagger 10 →')"),
        )
        .await;
}

#[tokio::test]
async fn a_dropped_manifest_is_understood_and_played() {
    let Some((lab, browser)) = visit("own").await else {
        return;
    };
    drop(&browser, CANARY).await;
    is_understood(&browser).await;
    browser
        .until("an account", &format!("({SHOWN}).includes('spec.service')"))
        .await;
    browser
        .until("a link with the files", "location.hash.includes('files=')")
        .await;
    let address = browser
        .script("return location.hash.slice(1)", Vec::new())
        .await;
    let play = "[...document.querySelectorAll('#own button')].find((one) => one.textContent === 'Play it').click()";
    browser.script(play, Vec::new()).await;
    browser
        .until(
            "its rollout",
            "document.querySelectorAll('#play .tick').length > 2",
        )
        .await;
    browser
        .until(
            "its sliders",
            "document.querySelector('#play [data-knob^=\"flagger:\"]')",
        )
        .await;
    // Whoever gets the link sees the same.
    browser
        .open_page(&lab.page(address.as_str().expect("a link")))
        .await;
    browser
        .until(
            "the same files",
            &format!("({SHOWN}).includes('Flagger 10 →')"),
        )
        .await;
    browser.is_content().await;
}

#[tokio::test]
async fn a_broken_manifest_is_told_with_its_line_and_can_be_mended() {
    let Some((_lab, browser)) = visit("own").await else {
        return;
    };
    drop(
        &browser,
        &CANARY.replace("threshold: 5", "threshold: often"),
    )
    .await;
    let problem = "document.querySelector('#own .problem').textContent";
    browser
        .until(
            "the place of the problem",
            &format!("/canary.yaml, line \\d+/.test({problem})"),
        )
        .await;
    let mend = "const area = document.querySelector('#own .file textarea');
        area.value = arguments[0];
        area.dispatchEvent(new Event('input', { bubbles: true }));
        [...document.querySelectorAll('#own button')].find((one) => one.textContent === 'Read it again').click();";
    browser.script(mend, vec![json!(CANARY)]).await;
    is_understood(&browser).await;
    browser
        .until("no problem any more", &format!("{problem} === ''"))
        .await;
}

#[tokio::test]
async fn what_is_edited_is_what_is_played() {
    let Some((_lab, browser)) = visit("own").await else {
        return;
    };
    drop(&browser, CANARY).await;
    is_understood(&browser).await;
    let edit = "const area = document.querySelector('#own .file textarea');
        area.value = area.value.replace('threshold: 5', 'threshold: 7');
        area.dispatchEvent(new Event('input', { bubbles: true }));
        [...document.querySelectorAll('#own button')].find((one) => one.textContent === 'Play it').click();";
    browser.script(edit, Vec::new()).await;
    browser
        .until(
            "the edited threshold",
            "document.querySelector('#play [data-knob=\"flagger:spec.analysis.threshold\"] output')?.textContent === '7'",
        )
        .await;
    // The other rooms between lose nothing.
    for room in ["lessons", "play"] {
        browser.enter(room).await;
    }
    browser
        .until("the files again", "location.hash.includes('files=')")
        .await;
    browser.is_content().await;
}

#[tokio::test]
async fn a_link_that_was_cut_short_says_so() {
    let Some((_lab, browser)) = visit("own&files=7VZNb9s4EP0rhE4tUFmy7").await else {
        return;
    };
    browser
        .until(
            "a remark",
            "document.querySelector('#notice:not([hidden])')?.textContent.includes('cut short')",
        )
        .await;
    browser.enter("book").await;
    browser
        .until(
            "no remark elsewhere",
            "document.querySelector('#notice').hidden && !document.querySelector('#book').hidden",
        )
        .await;
    browser.is_content().await;
}
