//! The control API.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::*;
use crate::engine::live::backend::ControlOptions;

fn call(bench: &Bench, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let mut client = Client::open(bench.backends.control()).unwrap();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {length}\r\n");
    client.send(&format!("{head}{headers}\r\n{body}")).unwrap();
    let seen = client.read(false).unwrap();
    assert!(seen.whole);
    (seen.status, serde_json::from_slice(&seen.body).unwrap())
}

#[test]
fn a_fault_is_added_listed_felt_and_taken_out() {
    let bench = Bench::start(with(FaultKind::Cpu { cores: 0.001 }));
    let mut client = bench.canary();
    assert_eq!(client.get("/", "").unwrap().status, 200);
    let errors = r#"{"kind":"errors","target":"canary","probability":1.0}"#;
    let (status, added) = call(&bench, "POST", "/faults", "", errors);
    assert_eq!((status, &added["id"]), (201, &json!(1)), "{added}");
    assert_eq!(added["severity"], json!(1.0));
    assert_eq!(client.get("/", "").unwrap().status, 500);
    assert_eq!(bench.stable().get("/", "").unwrap().status, 200);
    let (status, list) = call(&bench, "GET", "/faults", "", "");
    assert_eq!(status, 200);
    let kinds: Vec<&Value> = (list["faults"].as_array().unwrap().iter())
        .map(|fault| &fault["kind"])
        .collect();
    assert_eq!(kinds, [&json!("cpu"), &json!("errors")]);
    assert_eq!(call(&bench, "DELETE", "/faults/1", "", "").0, 200);
    assert_eq!(client.get("/", "").unwrap().status, 200);
    assert_eq!(call(&bench, "DELETE", "/faults/1", "", "").0, 404);
    // Its number is free again, and the other fault has kept its own.
    let (_, again) = call(&bench, "POST", "/faults", "", errors);
    assert_eq!(again["id"], json!(1));
    assert_eq!(
        call(&bench, "DELETE", "/faults/0", "", "").1["kind"],
        json!("cpu")
    );
    assert_eq!(client.get("/", "").unwrap().status, 500);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    let bench = Bench::start(world());
    let (status, answer) = call(&bench, "POST", "/faults", "", r#"{"kind":"gremlins"}"#);
    assert_eq!(status, 400);
    assert!(
        answer["error"].as_str().unwrap().contains("`memory-leak`"),
        "{answer}"
    );
    let valid = answer["valid"].as_array().unwrap();
    assert!(valid.len() > 1);
    // Of the examples those that fit this world are taken as they are.
    assert_eq!(
        call(&bench, "POST", "/faults", "", &valid[0].to_string()).0,
        201
    );
    for (method, path, status) in [
        ("PUT", "/faults", 405),
        ("GET", "/", 404),
        ("DELETE", "/faults/x", 404),
        ("DELETE", "/faults/99", 404),
        ("GET", "/healthz", 200),
    ] {
        assert_eq!(
            call(&bench, method, path, "", "").0,
            status,
            "{method} {path}"
        );
    }
    let long = " ".repeat(100_000);
    assert_eq!(call(&bench, "POST", "/faults", "", &long).0, 413);
    let mut client = Client::open(bench.backends.control()).unwrap();
    client.send("nonsense\r\n\r\n").unwrap();
    assert_eq!(client.read(false).unwrap().status, 400);
    assert!(bench.backends.token().is_none());
}

#[test]
fn there_are_not_more_faults_than_can_be_told_apart() {
    let bench = Bench::start(world());
    let fault = r#"{"kind":"metrics","count":1}"#;
    for _ in 0..super::super::MOST_FAULTS {
        assert_eq!(call(&bench, "POST", "/faults", "", fault).0, 201);
    }
    assert_eq!(call(&bench, "POST", "/faults", "", fault).0, 409);
    assert_eq!(bench.canary().get("/", "").unwrap().status, 200);
}

#[test]
fn elsewhere_than_on_loopback_a_token_is_wanted() {
    let options = BackendOptions {
        control: ControlOptions {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            ..ControlOptions::default()
        },
        ..BackendOptions::default()
    };
    let bench = Bench::at_speed(world(), 1.0, options);
    let token = bench.backends.token().unwrap().to_owned();
    let fault = r#"{"kind":"errors","probability":1.0}"#;
    assert_eq!(call(&bench, "POST", "/faults", "", fault).0, 401);
    let wrong = format!("authorization: Bearer {}\r\n", "0".repeat(32));
    assert_eq!(call(&bench, "GET", "/faults", &wrong, "").0, 401);
    assert_eq!(call(&bench, "DELETE", "/faults/0", &wrong, "").0, 401);
    assert_eq!(call(&bench, "GET", "/healthz", "", "").0, 200);
    let right = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(call(&bench, "POST", "/faults", &right, fault).0, 201);
    assert_eq!(bench.canary().get("/", "").unwrap().status, 500);
}

#[test]
fn on_loopback_a_token_is_wanted_where_it_was_asked_for() {
    let options = BackendOptions {
        control: ControlOptions {
            wants_token: true,
            ..ControlOptions::default()
        },
        ..BackendOptions::default()
    };
    let bench = Bench::at_speed(world(), 1.0, options);
    let right = format!(
        "Authorization: Bearer {}\r\n",
        bench.backends.token().unwrap()
    );
    assert_eq!(call(&bench, "GET", "/faults", "", "").0, 401);
    assert_eq!(call(&bench, "GET", "/faults", &right, "").0, 200);
}

/// A page of any site can send a request to a port that it has guessed.
#[test]
fn no_page_of_a_browser_changes_faults() {
    let bench = Bench::start(world());
    let fault = r#"{"kind":"errors","probability":1.0}"#;
    for headers in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-origin\r\n",
    ] {
        for (method, path, body) in [
            ("GET", "/faults", ""),
            ("POST", "/faults", fault),
            ("DELETE", "/faults/0", ""),
        ] {
            let (status, told) = call(&bench, method, path, headers, body);
            assert_eq!(status, 403, "{method} {headers}");
            assert!(told.to_string().contains("browser"), "{told}");
        }
    }
    // A name that its owner points here is no name of ours.
    let mut client = Client::open(bench.backends.control()).unwrap();
    client
        .send("GET /faults HTTP/1.1\r\nhost: evil.example:80\r\n\r\n")
        .unwrap();
    assert_eq!(client.read(false).unwrap().status, 403);
    for host in ["localhost:1", "LOCALHOST", "127.0.0.1", "[::1]:80"] {
        let mut client = Client::open(bench.backends.control()).unwrap();
        client
            .send(&format!("GET /faults HTTP/1.1\r\nhost: {host}\r\n\r\n"))
            .unwrap();
        assert_eq!(client.read(false).unwrap().status, 200, "{host}");
    }
    // What somebody types into the address bar comes from no page.
    assert_eq!(
        call(&bench, "GET", "/faults", "Sec-Fetch-Site: none\r\n", "").0,
        200
    );
}

#[test]
fn faults_reach_instances_on_all_threads() {
    let mut world = world();
    world.canary.fleet.instances = 3;
    let options = BackendOptions {
        threads: 4,
        ..BackendOptions::default()
    };
    let bench = Bench::at_speed(world, 1.0, options);
    let fault = r#"{"kind":"errors","probability":1.0}"#;
    assert_eq!(call(&bench, "POST", "/faults", "", fault).0, 201);
    for index in 0..3 {
        let address = bench.backends.endpoints().address(Version::Canary, index);
        let mut client = Client::open(address).unwrap();
        wait_for("the fault is heard of", || {
            client.get("/", "").unwrap().status == 500
        });
    }
}
