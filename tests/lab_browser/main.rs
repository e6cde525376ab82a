//! The page of the lab in a real browser: every slider, every lesson, own files and a live run, as a
//! person would go about it; nobody is shut out, and the browser has nothing to complain about.

mod axe;
mod browser;
mod lab;
mod lessons;
mod live;
mod looks;
mod own;
mod play;
#[path = "../shared_folder/mod.rs"]
#[expect(dead_code, reason = "nothing here needs the folder itself")]
mod shared_folder;

use browser::Browser;
use lab::Lab;

/// A lab and a browser; `None`, on record, where there is no browser.
async fn visit(state: &str) -> Option<(Lab, Browser)> {
    let browser = Browser::open().await?;
    let lab = Lab::open();
    browser.open_page(&lab.page(state)).await;
    Some((lab, browser))
}
