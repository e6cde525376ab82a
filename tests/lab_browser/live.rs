//! A rollout for real, started and broken from the page.

use serde_json::json;

use super::visit;

const START: &str = "document.querySelector('#live button.primary')";

#[tokio::test]
async fn a_live_run_is_started_broken_and_rolled_back() {
    let Some((lab, browser)) = visit("live&scenario=default").await else {
        return;
    };
    // Without the token nothing starts, and the page says how to get one.
    browser
        .until(
            "advice",
            "document.querySelector('#live .warning:not([hidden])')?.textContent.includes('token')",
        )
        .await;
    let disabled = browser
        .script(&format!("return {START}.disabled"), Vec::new())
        .await;
    assert_eq!(disabled, json!(true));
    let pass = format!("token={}&live&scenario=default", lab.token);
    browser.open_page(&lab.page(&pass)).await;
    browser
        .until(
            "a button to start",
            &format!("{START} && !{START}.disabled"),
        )
        .await;
    let shown = browser.script("return location.href", Vec::new()).await;
    assert!(
        !shown.as_str().expect("an address").contains(&lab.token),
        "the token stays in {shown}"
    );
    let start = format!(
        "const speed = document.querySelector('#live select'); speed.value = '30'; {START}.click();"
    );
    browser.script(&start, Vec::new()).await;
    let breaker = "document.querySelector('#live .break')";
    browser
        .until("a run under way", &format!("!{breaker}.disabled"))
        .await;
    browser
        .until(
            "a pulse",
            "document.querySelectorAll('#live .figures dd').length > 3",
        )
        .await;
    browser
        .script(&format!("{breaker}.click()"), Vec::new())
        .await;
    browser
        .until(
            "the fault in the list",
            "document.querySelector('#live .faults li')",
        )
        .await;
    let told = "document.querySelector('#live .lead').textContent";
    browser
        .until(
            "the end",
            &format!("{told}.startsWith('The bad canary was rolled back')"),
        )
        .await;
    browser
        .until(
            "an answer to the button",
            &format!("/Rolled back \\d\\S* after you broke it/.test({told})"),
        )
        .await;
    let out = "[...document.querySelectorAll('#live .faults button')]";
    browser
        .until(
            "nothing to take out",
            &format!("{out}.length === 1 && {out}[0].disabled"),
        )
        .await;
    browser
        .until("its tick", "document.querySelector('#live .tick.fail')")
        .await;
    browser.is_content().await;
}
