//! Who may come in, and what a browser may do with what it gets.

use std::io::{Read, Write};

use serde_json::json;

use super::client::{Lab, command};

fn curve() -> Vec<u8> {
    let asked = json!({ "setup": { "scenario": "low-traffic" }, "trials": 1 });
    asked.to_string().into_bytes()
}

#[test]
fn it_is_on_loopback_with_a_token_in_its_address() {
    let lab = Lab::open("");
    assert!(
        lab.line.starts_with("The lab is at http://127.0.0.1:"),
        "{}",
        lab.line
    );
    assert_eq!(lab.token.len(), 32);
    assert!(lab.token.chars().all(|c| c.is_ascii_hexdigit()));
    assert_ne!(Lab::open("").token, lab.token);
}

#[test]
fn other_names_and_other_sites_are_turned_away() {
    let lab = Lab::open("");
    let own = lab.address.to_string();
    let port = lab.address.port();
    let at = |path: &str, headers: &[(&str, &str)]| lab.ask("GET", path, headers, None).status;
    for (host, status) in [
        (own.clone(), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("rebound.example".to_owned(), 403),
        (format!("rebound.example:{port}"), 403),
        ("127.0.0.1".to_owned(), 403),
        ("127.0.0.1:1".to_owned(), 403),
        (String::new(), 403),
    ] {
        assert_eq!(at("/", &[("host", &host)]), status, "{host}");
        assert_eq!(at("/api/catalog", &[("host", &host)]), status, "{host}");
    }
    let same = format!("http://{own}");
    for (name, value, page, api) in [
        ("origin", same.as_str(), 200, 200),
        ("origin", "http://evil.example", 403, 403),
        ("origin", "null", 403, 403),
        ("origin", "http://127.0.0.1:1", 403, 403),
        ("sec-fetch-site", "same-origin", 200, 200),
        ("sec-fetch-site", "cross-site", 200, 403),
        ("sec-fetch-site", "same-site", 200, 403),
    ] {
        let both = (
            at("/", &[(name, value)]),
            at("/api/catalog", &[(name, value)]),
        );
        assert_eq!(both, (page, api), "{name}: {value}");
    }
}

#[test]
fn a_form_of_another_site_starts_nothing() {
    let lab = Lab::open("");
    // These types are sent without asking first.
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "-",
    ] {
        let answer = lab.ask(
            "POST",
            "/api/curve",
            &[("content-type", kind)],
            Some(&curve()),
        );
        assert_eq!(answer.status, 415, "{kind}");
    }
    let simple = lab.ask(
        "POST",
        "/api/curve",
        &[("origin", "http://evil.example")],
        Some(&curve()),
    );
    assert_eq!(simple.status, 403);
    assert_eq!(lab.tally("finished"), 0);
    // A preflight from elsewhere gets no leave.
    let asked = [
        ("origin", "http://evil.example"),
        ("access-control-request-method", "POST"),
    ];
    let preflight = lab.ask("OPTIONS", "/api/curve", &asked, None);
    assert_eq!(preflight.status, 403);
    assert_eq!(preflight.header("access-control-allow-origin"), None);
}

#[test]
fn load_is_started_only_with_the_token() {
    let lab = Lab::open("");
    let wrong = "0".repeat(32);
    let paths = [
        ("GET", "/api/live"),
        ("POST", "/api/live"),
        ("GET", "/api/live/events"),
        ("GET", "/api/live/faults"),
        ("POST", "/api/live/faults"),
        ("DELETE", "/api/live/faults/1"),
        ("POST", "/api/live/stop"),
    ];
    for (method, path) in paths {
        let body = (method == "POST").then_some(b"{}".as_slice());
        for headers in [&[][..], &[("x-coalmine-token", wrong.as_str())]] {
            let answer = lab.ask(method, path, headers, body);
            assert_eq!(answer.status, 403, "{method} {path}");
            assert!(answer.error().contains("token"), "{}", answer.error());
        }
    }
    let token = [("x-coalmine-token", lab.token.as_str())];
    assert_eq!(lab.ask("GET", "/api/live", &token, None).status, 200);
    assert_eq!(lab.get("/api/catalog").status, 200);
}

#[test]
fn every_answer_carries_the_rules_for_browsers() {
    let lab = Lab::open("");
    for path in [
        "/",
        "/api.js",
        "/nowhere",
        "/api/catalog",
        "/api/nowhere",
        "/api/live",
    ] {
        let answer = lab.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(
                policy.split("; ").any(|one| one == part),
                "{path}: {policy}"
            );
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let kept = match path {
            "/api/catalog" | "/api/nowhere" | "/api/live" => Some("no-store"),
            "/" | "/api.js" => Some("no-cache"),
            _ => None,
        };
        assert_eq!(answer.header("cache-control"), kept, "{path}");
        assert_eq!(
            answer.header("etag").is_some(),
            kept == Some("no-cache"),
            "{path}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn it_is_open_to_other_machines_only_under_a_name_and_then_wants_the_token() {
    let refused = command("--listen 0.0.0.0").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("--name"), "{told}");
    let lab = Lab::open("--listen 0.0.0.0 --name Lab.Example.org");
    assert!(lab.line.contains("http://lab.example.org:"), "{}", lab.line);
    let at = |path: &str, headers: &[(&str, &str)]| lab.ask("GET", path, headers, None).status;
    let (host, token) = (
        ("host", "lab.example.org"),
        ("x-coalmine-token", lab.token.as_str()),
    );
    assert_eq!(at("/", &[host]), 200);
    assert_eq!(at("/api/catalog", &[host]), 403);
    assert_eq!(at("/api/catalog", &[host, token]), 200);
    assert_eq!(
        at("/api/catalog", &[("host", "other.example.org"), token]),
        403
    );
    for name in ["a/b", "a b", "", "a@b"] {
        let mut asked = command("");
        asked.arg("--listen").arg("0.0.0.0").arg("--name").arg(name);
        assert_eq!(asked.output().unwrap().status.code(), Some(2), "{name:?}");
    }
}

/// A lab behind a proxy of the same machine has others come by its name.
#[test]
fn with_a_name_it_wants_the_token_on_loopback_too() {
    let lab = Lab::open("--name lab.example.org");
    let host = ("host", "lab.example.org");
    let at = |headers: &[(&str, &str)]| lab.ask("GET", "/api/catalog", headers, None).status;
    assert_eq!(at(&[host]), 403);
    assert_eq!(at(&[]), 403);
    assert_eq!(at(&[host, ("x-coalmine-token", lab.token.as_str())]), 200);
}

/// Connections that say nothing, or half of what they want, are given back.
#[test]
fn half_a_head_is_not_waited_for_without_end() {
    let lab = Lab::open("");
    let mut half = lab.connect();
    half.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
    let mut silent = lab.connect();
    for stream in [&mut half, &mut silent] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(lab.get("/").status, 200);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let lab = Lab::open("");
    let port = lab.address.port();
    let second = command(&format!("--port {port}")).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(told.contains(&format!("127.0.0.1:{port}")), "{told}");
    assert!(told.contains("another program has the port"), "{told}");
}

#[test]
fn too_large_is_not_read_and_too_many_files_are_refused() {
    let lab = Lab::open("");
    let most = lab.get("/api/catalog").json()["limits"]["upload_bytes"]
        .as_u64()
        .unwrap();
    let long = " ".repeat(usize::try_from(most).unwrap() + 1);
    let whole = lab.ask("POST", "/api/read", &[], Some(long.as_bytes()));
    assert_eq!(whole.status, 413);
    // Announced, and never sent.
    let length = (most + 1).to_string();
    let announced = lab.ask(
        "POST",
        "/api/read",
        &[("content-length", &length)],
        Some(b"{"),
    );
    assert_eq!(announced.status, 413);
    // Without a length, the bytes are counted.
    let mut body = Vec::new();
    for piece in long.as_bytes().chunks(50_000) {
        body.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        body.extend(piece);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    let headers = [("content-length", "-"), ("transfer-encoding", "chunked")];
    let counted = lab.ask("POST", "/api/read", &headers, Some(&body));
    assert_eq!(counted.status, 413);
    let files: Vec<_> = (0..21)
        .map(|at| json!({ "name": format!("f{at}.yaml"), "text": "" }))
        .collect();
    let many = lab.post("/api/read", &json!({ "setup": { "files": files } }));
    assert_eq!(many.status, 422);
    assert!(many.error().contains("21 files"), "{}", many.error());
}

#[test]
fn what_is_not_understood_or_not_there_is_said_as_json() {
    let lab = Lab::open("");
    let post = |body: &str| lab.ask("POST", "/api/read", &[], Some(body.as_bytes()));
    for (body, word) in [
        ("{", "EOF"),
        ("[]", "invalid"),
        ("{}", "setup"),
        (r#"{"setup":{"scenaro":"low-traffic"}}"#, "scenaro"),
        (r#"{"setup":{"scenario":"low-traffic"},"more":1}"#, "more"),
    ] {
        let answer = post(body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().contains(word), "{body}: {}", answer.error());
    }
    for (method, path, status) in [
        ("GET", "/api/nowhere", 404),
        ("POST", "/api/nowhere", 404),
        ("GET", "/nowhere.js", 404),
        ("GET", "/../Cargo.toml", 404),
        ("GET", "/%2e%2e/Cargo.toml", 404),
        ("GET", "/api/lessons/none", 404),
        ("GET", "/api/book/none", 404),
        ("GET", "/api/curve", 405),
        ("DELETE", "/api/catalog", 405),
        ("POST", "/", 405),
    ] {
        let answer = lab.ask(method, path, &[], None);
        assert_eq!(answer.status, status, "{method} {path}");
        let told = answer.error();
        let words = [path, "takes", "there is no", "has no"];
        let says_what = words.iter().any(|word| told.contains(word));
        assert!(says_what, "{method} {path}: {told}");
        assert_eq!(
            answer.header("allow").is_some(),
            status == 405,
            "{method} {path}"
        );
    }
}
