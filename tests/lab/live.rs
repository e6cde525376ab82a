//! A live run over the API: its events, faults by hand, one run at a time, and nothing left of it.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Command;

use serde_json::{Value, json};

use super::client::{Answer, Lab};
use super::described::wrong;

const PATH: &str = "/api/live";

/// An event as it comes over the wire.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: u64,
    name: String,
    data: Value,
}

/// Somebody who listens.
struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Listens from the event after `last` on, however that is written.
    fn open(lab: &Lab, last: &str) -> Stream {
        let headers = [
            ("x-coalmine-token", lab.token.as_str()),
            ("last-event-id", last),
        ];
        let mut stream = BufReader::new(lab.send("GET", "/api/live/events", &headers, None));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{last}: {head}");
        assert!(head.contains("text/event-stream"), "{last}: {head}");
        Stream(stream)
    }

    fn next(&mut self) -> Event {
        let (mut id, mut name, mut data) = (None, None, None);
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "it ended");
            let line = line.trim_end();
            let field = |name: &str| line.strip_prefix(name).map(str::trim);
            if let Some(text) = field("id:") {
                id = Some(text.parse().unwrap());
            } else if let Some(text) = field("event:") {
                name = Some(text.to_owned());
            } else if let Some(text) = field("data:") {
                data = Some(serde_json::from_str(text).unwrap());
            }
            if let (true, Some(id), Some(name), Some(data)) =
                (line.is_empty(), id, name.clone(), data.clone())
            {
                return Event { id, name, data };
            }
        }
    }

    /// Everything up to an event of this name.
    fn until(&mut self, name: &str) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            events.push(self.next());
            if events.last().is_some_and(|event| event.name == name) {
                return events;
            }
        }
    }
}

fn ask(lab: &Lab, method: &str, path: &str, body: Option<Value>) -> Answer {
    let token = [("x-coalmine-token", lab.token.as_str())];
    let body = body.map(|body| body.to_string().into_bytes());
    lab.ask(method, path, &token, body.as_deref())
}

fn begin(lab: &Lab) {
    let asked = json!({ "setup": { "scenario": "default" }, "speed": 30, "good": true });
    let started = ask(lab, "POST", PATH, Some(asked));
    assert_eq!(started.status, 201, "{}", started.text());
    assert_eq!(started.json()["state"], "starting");
}

/// One whole run: it is broken by hand, and its gate rolls it back.
#[test]
fn a_run_is_told_as_described_and_reacts_to_faults_by_hand() {
    let lab = Lab::open("");
    let root = lab.get("/api/openapi.json").json();
    let status = ask(&lab, "GET", PATH, None).json();
    assert_eq!(status["state"], "idle");
    let mut stream = Stream::open(&lab, "0");
    begin(&lab);
    let ready = stream.until("ready");
    assert!(
        ready[0].data["splitter"]
            .as_str()
            .unwrap()
            .contains("127.0.0.1")
    );
    // One at a time.
    let again = json!({ "setup": { "scenario": "default" } });
    let busy = ask(&lab, "POST", PATH, Some(again));
    assert_eq!(busy.status, 409);
    assert!(busy.error().contains("under way"), "{}", busy.error());
    let fault = json!({ "kind": "errors", "target": "canary", "probability": 0.5 });
    let added = ask(&lab, "POST", "/api/live/faults", Some(fault));
    assert_eq!(added.status, 201, "{}", added.text());
    let id = added.json()["id"].as_u64().unwrap();
    let told = stream.until("fault").pop().unwrap();
    assert_eq!(told.data["id"], id);
    assert_eq!(told.data["fault"]["probability"], 0.5);
    let listed = ask(&lab, "GET", "/api/live/faults", None);
    assert!(listed.text().contains("0.5"), "{}", listed.text());
    // What is no fault is refused with a reason, and changes nothing.
    let strange = json!({ "kind": "errors", "target": "canary", "probability": 7 });
    let refused = ask(&lab, "POST", "/api/live/faults", Some(strange));
    assert_eq!(refused.status, 422);
    assert!(!refused.error().is_empty());
    assert_eq!(ask(&lab, "DELETE", "/api/live/faults/99", None).status, 404);
    let rest = stream.until("end");
    let end = rest.last().unwrap();
    assert_eq!(end.data["ending"], "rolled back", "{}", end.data);
    // Whoever broke it by hand is not told that a good canary was rolled back.
    let sentence = end.data["sentence"].as_str().unwrap();
    assert!(!sentence.contains("good"), "{sentence}");
    assert!(rest.iter().any(|event| event.name == "tick"));
    assert_eq!(ask(&lab, "GET", PATH, None).json()["state"], "ended");
    // Whoever comes late, or comes again, hears what is left of it, in order and as described.
    let whole = Stream::open(&lab, "0").until("end");
    let mut complaints = Vec::new();
    // The numbers stand beside the choice.
    let schema = json!({ "oneOf": root["components"]["schemas"]["Event"]["oneOf"] });
    for event in &whole {
        let value = json!({ "event": event.name, "data": event.data });
        wrong(&root, &schema, &value, &event.name, &mut complaints);
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    assert!(whole.windows(2).all(|two| two[0].id < two[1].id));
    let middle = whole.len() / 2;
    let last = whole[middle].id.to_string();
    assert_eq!(Stream::open(&lab, &last).until("end"), whole[middle + 1..]);
    // What is no number is no place to go on from.
    for strange in ["", "x", "-1", "1e3", "99999999999999999999999"] {
        assert_eq!(Stream::open(&lab, strange).next(), whole[0], "{strange:?}");
    }
}

/// Interrupted in the middle of a run, the lab takes everything with it.
#[test]
fn nothing_is_left_of_a_run_when_the_lab_ends() {
    let mut lab = Lab::open("");
    let mut stream = Stream::open(&lab, "0");
    begin(&lab);
    let ready = stream.until("ready").pop().unwrap();
    let splitter = ready.data["splitter"].as_str().unwrap();
    let splitter = splitter.trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(&splitter).is_ok());
    stream.until("pulse");
    let id = lab.process().id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    assert!(!lab.process().wait().unwrap().success());
    let answer = TcpStream::connect(&splitter);
    assert!(answer.is_err(), "{splitter} still answers");
    let others = Command::new("pgrep").args(["-P", &id]).output().unwrap();
    assert!(others.stdout.is_empty(), "{others:?}");
}

/// A run that is stopped tells its end, and makes room for the next.
#[test]
fn a_stopped_run_makes_room() {
    let lab = Lab::open("");
    let mut stream = Stream::open(&lab, "0");
    begin(&lab);
    stream.until("pulse");
    assert_eq!(ask(&lab, "POST", "/api/live/stop", None).status, 204);
    let end = stream.until("end").pop().unwrap();
    begin(&lab);
    let ready = stream.until("ready");
    assert!(ready.iter().all(|event| event.id > end.id));
    assert_eq!(ready[0].data["id"], 2);
    assert_eq!(ask(&lab, "POST", "/api/live/stop", None).status, 204);
    stream.until("end");
    assert_eq!(ask(&lab, "GET", "/api/live/faults", None).status, 409);
}
