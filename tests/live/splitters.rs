//! Each splitter from the first order to the last.

use serde_json::Value;

use super::installed;
use super::place::{Place, SHORT};

/// Standard errors that a share may be away from its order. A fair splitter is further away once in
/// 150,000 orders; twelve orders are looked at here, so the test fails by chance once in 12,000 runs.
const FAR: f64 = 4.5;

/// A good release with a splitter: the run's note, when the splitter is installed.
fn played(place: &Place, splitter: &str) -> Option<Value> {
    let mut scenario = format!("{SHORT}\n[live]\nsplitter = \"{splitter}\"\n");
    if splitter != "coalmine" {
        let program = installed(splitter)?;
        scenario.push_str(&format!("program = \"{}\"\n", program.display()));
    }
    std::fs::write(place.path("short.toml"), scenario).unwrap();
    place.answered("run short.toml --speed 20 --good --out out");
    place.expect_nothing_left();
    let live = place.complete("out")["live"].clone();
    let ending = live["ending"].as_str().unwrap();
    assert!(ending.contains("was promoted"), "{ending}");
    assert!(live["splitter"].as_str().unwrap().starts_with(splitter));
    Some(live)
}

/// Its orders: share asked for, requests, those of them that the canary answered.
fn orders(live: &Value) -> Vec<(f64, f64, f64)> {
    let number = |value: &Value| value.as_f64().unwrap();
    let shares = live["shares"].as_array().unwrap().iter();
    let orders: Vec<_> = shares
        .map(|share| {
            let asked = number(&share["weight"]) / 100.0;
            (asked, number(&share["requests"]), number(&share["canary"]))
        })
        .collect();
    assert_eq!(orders.len(), 3, "{live}");
    orders
}

fn keeps_its_orders(live: &Value, leeway: f64) {
    for (asked, requests, canary) in orders(live) {
        assert!(requests > 500.0, "{live}");
        let error = (asked * (1.0 - asked) * requests).sqrt();
        let away = (canary - asked * requests).abs() - leeway * requests;
        assert!(
            away < FAR * error,
            "{asked}: {canary} of {requests}: {live}"
        );
    }
}

#[test]
fn ours_keeps_its_orders_and_loses_nothing() {
    let place = Place::new("");
    let live = played(&place, "coalmine").unwrap();
    assert_eq!(live["lost"], 0, "{live}");
    keeps_its_orders(&live, 0.0);
}

#[test]
fn envoy_keeps_its_orders_and_loses_nothing() {
    let place = Place::new("");
    let Some(live) = played(&place, "envoy") else {
        return;
    };
    assert_eq!(live["lost"], 0, "{live}");
    keeps_its_orders(&live, 0.0);
}

#[test]
fn nginx_keeps_its_orders_and_what_its_reloads_lose_is_counted() {
    let place = Place::new("");
    let Some(live) = played(&place, "nginx") else {
        return;
    };
    // Workers that leave answer one more request on connections that they have: by the order before.
    keeps_its_orders(&live, 0.06);
    // They close the others, and a request may be on its way there: three reloads lose some.
    let (due, lost) = (
        live["due"].as_u64().unwrap(),
        live["lost"].as_u64().unwrap(),
    );
    assert!(lost * 20 < due, "{live}");
    let versions = live["versions"].as_array().unwrap().iter();
    let answered: u64 = versions.map(|one| one["requests"].as_u64().unwrap()).sum();
    // Answers of its own (502 and the like) name no version.
    assert!(answered + lost <= due && answered * 20 > due * 19, "{live}");
}

#[test]
fn haproxy_loses_nothing_and_keeps_its_orders_as_well_as_it_can() {
    let place = Place::new("");
    let Some(live) = played(&place, "haproxy") else {
        return;
    };
    assert_eq!(live["lost"], 0, "{live}");
    // Arcs of a hash ring are not as long as weights say: a tenth off at these weights.
    keeps_its_orders(&live, 0.06);
}

#[test]
fn haproxy_is_told_to_miss_its_weight() {
    let Some(program) = installed("haproxy") else {
        return;
    };
    // One order of 5 % over 45,000 requests. It gives 4.53 %: 4.6 standard errors of 0.103 points
    // from what was asked, so that a sample of it is called a mismatch (beyond 3) nineteen times in
    // twenty; twice not, once in 400.
    let scenario = format!(
        "{}\n[live]\nsplitter = \"haproxy\"\nprogram = \"{}\"\n",
        SHORT
            .replace("60/s", "45/s")
            .replace("\"20s\"", "\"500s\"")
            .replace("    { weight = \"30%\", hold = \"500s\" },\n", "")
            .replace("    { weight = \"50%\", hold = \"500s\" },\n", "")
            .replace(
                "weight = \"10%\", hold = \"500s\"",
                "weight = \"5%\", hold = \"1000s\""
            ),
        program.display()
    );
    let place = Place::new(&scenario);
    let play = || place.answered("run short.toml --speed 80 --good --no-files");
    let mut said = play();
    if !said.says("Sample-ratio mismatch") {
        said = play();
    }
    assert!(said.says("Sample-ratio mismatch"), "{}", said.out);
}

#[test]
fn a_prometheus_of_its_own_judges() {
    let Some(_) = installed("prometheus") else {
        return;
    };
    let place = Place::new(SHORT);
    let said = place.answered("run short.toml --speed 20 --prometheus spawn --out bad");
    assert!(said.says("Rolled back at 20s"), "{}", said.out);
    let said = place.answered("run short.toml --speed 20 --prometheus spawn --good --out good");
    assert!(said.says("promoted at 1m"), "{}", said.out);
    place.expect_nothing_left();
    let live = place.complete("good")["live"].clone();
    assert!(live["source"].as_str().unwrap().contains("Prometheus"));
    assert!(live["scrapes"][0].as_u64().unwrap() > 0, "{live}");
    assert_eq!(live["scrapes"][1], 0, "{live}");
    keeps_its_orders(&live, 0.0);
}
