//! How the page looks, in every room: nobody is shut out, nothing is wider than a phone, and pictures
//! to look at lie in `target/lab-screenshots`.

use std::path::Path;

use serde_json::json;

use super::axe;
use super::browser::Theme;
use super::visit;

/// Rooms by the state of the page, with what says that each has come.
const ROOMS: [(&str, &str, &str); 8] = [
    (
        "play",
        "scenario=low-traffic",
        "document.querySelectorAll('#play .knob').length > 5 && document.querySelectorAll('#play .plot canvas').length === 4",
    ),
    (
        "flagger",
        "scenario=plain-flagger",
        "document.querySelectorAll('#play .tick').length > 2 && document.querySelectorAll('#play .plot canvas').length === 4",
    ),
    (
        "lessons",
        "lessons",
        "document.querySelector('#lessons .lessons a')",
    ),
    (
        "lesson-curve",
        "lesson=thirty-requests",
        "document.querySelector('#lessons .predict')",
    ),
    (
        "lesson-choice",
        "lesson=green-dashboard",
        "document.querySelector('#lessons .choices')",
    ),
    ("own", "own", "document.querySelector('#own .drop')"),
    ("live", "live", "document.querySelector('#live .break')"),
    (
        "book",
        "book=faults",
        "document.querySelector('#book table')",
    ),
];

const SIZES: [(u32, u32); 3] = [(360, 740), (820, 1180), (1440, 900)];

async fn look(theme: Theme) {
    let Some((lab, browser)) = visit("").await else {
        return;
    };
    browser.prefer(theme, true).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab-screenshots");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    for (room, state, ready) in ROOMS {
        for (width, height) in SIZES {
            browser.resize(width, height).await;
            browser.open_page(&lab.page(state)).await;
            browser.until(room, ready).await;
            let wide = browser
                .script("return document.documentElement.scrollWidth", Vec::new())
                .await;
            assert_eq!(wide, json!(width), "{room} is wider than {width} pixels");
            let view = format!("{room}-{width}-{}", theme.name());
            let picture = folder.join(format!("{view}.png"));
            std::fs::write(picture, browser.picture().await).expect("a picture");
            let found = axe::violations(&browser).await.unwrap_or_default();
            assert!(found.is_empty(), "{view}: {found:#?}");
        }
        browser.is_content().await;
    }
}

#[tokio::test]
async fn everybody_can_use_it_in_the_light() {
    look(Theme::Light).await;
}

#[tokio::test]
async fn everybody_can_use_it_in_the_dark() {
    look(Theme::Dark).await;
}
