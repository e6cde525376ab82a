//! Simulations: two at a time, pages in turn, bounded in number and time, and ended when nobody waits.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Lab, read};

/// Takes as long as it is let: every request is followed, one by one.
fn long() -> Value {
    let setup = json!({ "scenario": "sticky-bypass", "percentages": [1, 2, 5, 10, 20, 50] });
    json!({ "setup": setup, "trials": 20_000, "rivals": true })
}

/// Takes a moment.
fn short() -> Value {
    json!({ "setup": { "scenario": "low-traffic", "percentages": [5] }, "trials": 5 })
}

fn send(lab: &Lab, page: &str, body: &Value) -> TcpStream {
    send_to(lab, "/api/curve", page, body)
}

/// Asks as a page, and leaves the answer to be read.
pub(crate) fn send_to(lab: &Lab, path: &str, page: &str, body: &Value) -> TcpStream {
    let (page, body) = ([("x-coalmine-page", page)], body.to_string());
    lab.send("POST", path, &page, Some(body.as_bytes()))
}

/// Waits until something is so.
#[expect(
    clippy::disallowed_methods,
    reason = "something happens in another process meanwhile"
)]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..12_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to be that {what}");
}

#[test]
fn leaving_ends_what_was_asked_for() {
    let lab = Lab::open("");
    let waiting: Vec<TcpStream> = (0..2)
        .map(|page| send(&lab, &page.to_string(), &long()))
        .collect();
    until("two run", || lab.tally("running") == 2);
    drop(waiting);
    until("none runs", || lab.tally("running") == 0);
    assert_eq!(lab.tally("cancelled"), 2);
    assert_eq!(lab.tally("finished"), 0);
    // And one that waits leaves the queue.
    let running: Vec<TcpStream> = (0..2)
        .map(|page| send(&lab, &page.to_string(), &long()))
        .collect();
    until("two run", || lab.tally("running") == 2);
    let third = send(&lab, "third", &long());
    until("one waits", || lab.tally("waiting") == 1);
    drop(third);
    until("none waits", || lab.tally("waiting") == 0);
    drop(running);
    until("none runs", || lab.tally("running") == 0);
    assert_eq!(read(send(&lab, "next", &short())).status, 200);
}

#[test]
fn a_newer_question_of_a_page_takes_the_place_of_its_older_one() {
    let lab = Lab::open("");
    let first = send(&lab, "page", &long());
    until("it runs", || lab.tally("running") == 1);
    let second = read(send(&lab, "page", &short()));
    assert_eq!(second.status, 200);
    assert_eq!(second.json()["complete"], true);
    let first = read(first);
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["complete"], false);
    // One that has not begun is told so.
    let others: Vec<TcpStream> = (0..2)
        .map(|page| send(&lab, &page.to_string(), &long()))
        .collect();
    until("two run", || lab.tally("running") == 2);
    let older = send(&lab, "page", &long());
    until("one waits", || lab.tally("waiting") == 1);
    let newer = send(&lab, "page", &short());
    let older = read(older);
    assert_eq!(older.status, 409);
    assert!(older.error().contains("newer"), "{}", older.error());
    // Questions of another kind stay.
    let rollout = json!({ "setup": { "scenario": "low-traffic" } }).to_string();
    let page = [("x-coalmine-page", "page")];
    let rollout = lab.send("POST", "/api/rollout", &page, Some(rollout.as_bytes()));
    until("two wait", || lab.tally("waiting") == 2);
    drop(others);
    assert_eq!(read(newer).status, 200);
    assert_eq!(read(rollout).status, 200);
}

/// Nine pages ask for as much as they can, again and again; the tenth moves a slider. Each of its
/// questions waits for a bounded number of others, however many they ask.
#[test]
fn ten_pages_stay_responsive() {
    let lab = Lab::open("");
    let greedy: Vec<TcpStream> = (0..9)
        .flat_map(|page| {
            let page = format!("greedy-{page}");
            ["/api/curve", "/api/measure"].map(|path| (page.clone(), path))
        })
        .map(|(page, path)| {
            let body = match path {
                "/api/curve" => long(),
                _ => json!({
                    "setup": long()["setup"], "asks": ["power"], "trials": 20_000,
                }),
            };
            let page = [("x-coalmine-page", page.as_str())];
            lab.send("POST", path, &page, Some(body.to_string().as_bytes()))
        })
        .collect();
    until("all wait or run", || {
        lab.tally("running") + lab.tally("waiting") + lab.tally("finished") >= 18
    });
    let before = lab.tally("finished");
    let answer = read(send(&lab, "modest", &short()));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["complete"], true);
    let others = lab.tally("finished") - before - 1;
    // Each other page once, and one that ended while it was on its way: nobody has a second turn before
    // everybody has had one.
    assert!(others <= 10, "{others} others went first");
    // What is no simulation waits for none.
    assert_eq!(lab.get("/api/catalog").status, 200);
    assert!(lab.tally("waiting") > 0, "nobody waited any more");
    drop(greedy);
}

#[test]
fn too_many_that_wait_are_sent_away() {
    let lab = Lab::open("");
    let all: Vec<TcpStream> = (0..66)
        .map(|page| send(&lab, &page.to_string(), &long()))
        .collect();
    until("the room is full", || lab.tally("waiting") == 64);
    let answer = read(send(&lab, "late", &short()));
    assert_eq!(answer.status, 429);
    assert!(answer.error().contains("busy"), "{}", answer.error());
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(all);
    until("all have left", || {
        lab.tally("running") + lab.tally("waiting") == 0
    });
}

#[test]
fn time_is_limited_and_what_is_there_is_told() {
    let lab = Lab::open("");
    let answer = read(send(&lab, "page", &long()));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["complete"], false);
    assert_eq!(lab.tally("out_of_time"), 1);
    for trials in [0, 20_001] {
        let body = json!({ "setup": { "scenario": "low-traffic" }, "trials": trials });
        assert_eq!(lab.post("/api/curve", &body).status, 422, "{trials}");
    }
}

#[test]
fn a_rollout_that_would_never_end_is_refused() {
    let lab = Lab::open("");
    for setup in [
        json!({ "scenario": "sticky-bypass", "rate": "10M/s" }),
        json!({ "scenario": "peeking", "set": ["horizon=500w"] }),
    ] {
        for path in ["/api/curve", "/api/rollout", "/api/download/report"] {
            let answer = lab.post(path, &json!({ "setup": setup }));
            assert_eq!(answer.status, 422, "{path} {setup}: {}", answer.text());
            assert!(answer.error().contains("too long"), "{}", answer.error());
        }
    }
}

#[test]
fn an_interruption_ends_it_at_once_with_streams_open() {
    let mut lab = Lab::open("");
    let token = [("x-coalmine-token", lab.token.as_str())];
    let stream = lab.send("GET", "/api/live/events", &token, None);
    let mut lines = BufReader::new(stream);
    let mut head = String::new();
    lines.read_line(&mut head).unwrap();
    assert!(head.contains("200"), "{head}");
    let running = send(&lab, "page", &long());
    until("it runs", || lab.tally("running") == 1);
    let id = lab.process().id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let ended = lab.process().wait().unwrap();
    assert!(!ended.success());
    drop(running);
}
