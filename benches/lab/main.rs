//! How long a move of a slider takes until the curves are drawn, in a real browser: from the `input`
//! event to the frame after the curves of one hundred rollouts a point came. Fifty moves of the rate,
//! with the gates of the catalog beside the scenario's own.
//!
//! Chromium and ChromeDriver must be installed. `cargo bench --bench lab`

#[path = "../../tests/lab_browser/browser.rs"]
#[expect(dead_code, reason = "a bench looks at less than the tests do")]
mod browser;
#[path = "../../tests/lab_browser/lab.rs"]
#[expect(dead_code, reason = "a bench starts no live run")]
mod lab;
#[path = "../../tests/shared_folder/mod.rs"]
#[expect(dead_code, reason = "a bench reads no shared folder")]
mod shared_folder;

use browser::Browser;
use lab::Lab;

/// Scenarios and the least rate of their moves: short of traffic, the default, a Flagger canary.
const SCENARIOS: [(&str, u32); 3] = [("low-traffic", 100), ("default", 10), ("plain-flagger", 20)];

/// Moves the slider of the rate back and forth, five times from the move with this number on, and gives
/// back the milliseconds of every move.
const MOVES: &str = "
    const [from, least, done] = arguments;
    const slider = document.querySelector('#play [data-knob=rate] input');
    const frame = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
    const drawn = () => new Promise((go) => addEventListener('coalmine-curve', go, { once: true }));
    (async () => {
        const times = [];
        for (let move = from; move < from + 5; move += 1) {
            await new Promise((go) => setTimeout(go, 200));
            slider.value = least + ((move * 37) % 250);
            const begun = performance.now();
            const curve = drawn();
            slider.dispatchEvent(new Event('input', { bubbles: true }));
            await curve;
            await frame();
            times.push(performance.now() - begun);
        }
        done(times);
    })();";

#[tokio::main]
async fn main() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let lab = Lab::open();
    for (scenario, least) in SCENARIOS {
        let page = lab.page(&format!("scenario={scenario}"));
        browser.open_page(&page).await;
        let ready = "document.querySelector('#play [data-knob=rate] input')
            && performance.getEntriesByName('coalmine-curve').length > 0";
        browser.until("the page", ready).await;
        let mut times = Vec::new();
        for first in (0..50).step_by(5) {
            let asked = vec![first.into(), least.into()];
            let told = browser.client.execute_async(MOVES, asked).await;
            let told = told.expect("five moves");
            times.extend(serde_json::from_value::<Vec<f64>>(told).expect("milliseconds"));
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() as f64 * share).ceil() as usize).max(1) - 1];
        show(&format!(
            "{scenario}: {} moves, median {:.0} ms, 95th percentile {:.0} ms, longest {:.0} ms",
            times.len(),
            at(0.5),
            at(0.95),
            at(1.0)
        ));
    }
}

#[expect(clippy::disallowed_macros, reason = "what a bench is for")]
fn show(text: &str) {
    println!("{text}");
}
