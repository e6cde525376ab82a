//! What axe-core, a checker of accessibility, finds on a page.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::browser::Browser;
use super::shared_folder::skip;

/// Where `tests/run` puts it; elsewhere where the variable says.
fn script() -> Option<PathBuf> {
    let named = std::env::var_os("COALMINE_AXE").map(PathBuf::from);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let place = named.unwrap_or_else(|| root.join("target/axe/node_modules/axe-core/axe.min.js"));
    place.is_file().then_some(place)
}

/// The serious and critical violations of the page as it stands, a line each; `None`, on record, where
/// the checker is missing.
pub(crate) async fn violations(browser: &Browser) -> Option<Vec<String>> {
    let Some(path) = script() else {
        skip("axe-core is missing");
        return None;
    };
    let text = std::fs::read_to_string(path).expect("axe-core");
    // Through the driver: the page's own policy lets no script in.
    browser.script(&text, Vec::new()).await;
    let run = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then(
            (found) => done(found.violations),
            (error) => done([{ id: 'axe', impact: 'critical', help: String(error), nodes: [] }]));";
    let found = browser
        .client
        .execute_async(run, Vec::new())
        .await
        .expect("an answer of axe-core");
    let found: Vec<Value> = found.as_array().cloned().expect("a list");
    let serious = found
        .iter()
        .filter(|one| [json!("serious"), json!("critical")].contains(&one["impact"]));
    Some(serious.map(line).collect())
}

fn line(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().cloned().unwrap_or_default();
    let where_: Vec<String> = nodes
        .iter()
        .map(|node| node["target"].to_string())
        .collect();
    let (id, help) = (&violation["id"], &violation["help"]);
    format!("{id}: {help}: {}", where_.join(", "))
}
