//! How rollouts end when nothing is in their way.

use super::place::{Place, SHORT};

#[test]
fn the_built_in_scenario_is_caught_within_a_minute() {
    let place = Place::new("");
    // At this speed its ten minutes take half of one. By design one bad release in 500 passes: then
    // another try has to be caught, and the test fails one time in 250,000.
    let mut said = place.answered("run --out out");
    if !said.says("Rolled back at ") {
        said = place.answered("run --out out");
    }
    assert!(said.says("Rolled back at "), "{}", said.out);
    let summary = place.complete("out");
    assert_eq!(summary["complete"], true);
    let live = &summary["live"];
    assert!(live["wall_seconds"].as_f64().unwrap() < 60.0, "{live}");
    assert_eq!(live["lost"], 0, "{live}");
    assert_eq!(live["splitter"], "coalmine");
    assert!(live["exposed_requests"].as_u64().unwrap() > 0, "{live}");
    let ending = live["ending"].as_str().unwrap();
    assert!(ending.starts_with("Rolled back at "), "{ending}");
    assert_eq!(summary["findings"][0], live["ending"]);
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("Rolled back at ") && !page.contains("Incomplete."));
    place.expect_nothing_left();
}

#[test]
fn a_bad_canary_is_rolled_back_and_a_good_one_promoted() {
    let place = Place::new(SHORT);
    place.answered("run short.toml --speed 20 --out bad");
    let bad = place.complete("bad");
    let ending = bad["live"]["ending"].as_str().unwrap();
    assert!(ending.starts_with("Rolled back at 20s"), "{ending}");
    place.answered("run short.toml --speed 20 --good --out good");
    let good = place.complete("good");
    let ending = good["live"]["ending"].as_str().unwrap();
    assert!(
        ending.starts_with("The good canary was promoted at 1m"),
        "{ending}"
    );
    // Every tick is on record, and the weights that were ordered are those of the steps.
    let ordered: Vec<f64> = (good["live"]["shares"].as_array().unwrap().iter())
        .map(|share| share["weight"].as_f64().unwrap().round())
        .collect();
    assert_eq!(ordered, [10.0, 30.0, 50.0]);
    let timeline = std::fs::read_to_string(place.path("good/timeline.csv")).unwrap();
    assert_eq!(timeline.lines().count(), 1 + 4, "{timeline}");
    place.expect_nothing_left();
}
