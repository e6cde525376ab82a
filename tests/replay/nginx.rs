//! A real NGINX, whose access log is replayed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Place;
use super::shared_folder::skip;

/// An NGINX that ends with the test.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The status of a request; `None` while nobody listens.
fn ask(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    stream
        .write_all(b"GET /a?b=c HTTP/1.0\r\nhost: shop\r\n\r\n")
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split(' ').nth(1).map(str::to_owned)
}

/// A pause.
fn wait(millis: u64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a program of somebody else works"
    )]
    std::thread::sleep(Duration::from_millis(millis));
}

const STAGED: &str = r#"
[telemetry]
scrape = "500ms"
series = "zero"

[rollout]
controller = "staged"
interval = "1s"
failures = 1
steps = [{ weight = "50%", hold = "3s" }]

[[rollout.gates]]
kind = "success-ratio"
min = "90%"
window = "1s"
"#;

#[test]
fn its_log_is_counted_as_it_answered() {
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx"];
    let Some(program) = program
        .into_iter()
        .find(|path| std::fs::exists(path).unwrap_or(false))
    else {
        skip("nginx is not installed");
        return;
    };
    let place = Place::new();
    let [front, good, bad] = [(); 3].map(|()| free_port());
    let here = place.path("");
    let here = here.display();
    // Every answer of the canary is a 503.
    place.put(
        "nginx.conf",
        format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{\n\
               client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f;\n\
               uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
               log_format own '$remote_addr [$time_iso8601] $msec \"$request\" $status $request_time \
                 \"$upstream_addr\"';\n\
               upstream app {{ server 127.0.0.1:{good} max_fails=0; server 127.0.0.1:{bad} max_fails=0; }}\n\
               server {{ listen 127.0.0.1:{good}; access_log off; location / {{ return 200 'ok'; }} }}\n\
               server {{ listen 127.0.0.1:{bad}; access_log off; location / {{ return 503; }} }}\n\
               server {{ listen 127.0.0.1:{front}; access_log {here}/access.log own;\n\
                 location / {{ proxy_pass http://app; proxy_next_upstream off; }} }}\n\
             }}\n"
        ),
    );
    let config = place.path("nginx.conf");
    let child = Command::new(program)
        .arg("-c")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let nginx = Nginx(child);
    let mut statuses = Vec::new();
    for _ in 0..200 {
        if let Some(status) = ask(front) {
            statuses.push(status);
            break;
        }
        wait(50);
    }
    assert!(!statuses.is_empty(), "nginx does not answer");
    // Two and a half seconds.
    for _ in 0..125 {
        statuses.extend(ask(front));
        wait(20);
    }
    drop(nginx);
    let of = |status: &str| statuses.iter().filter(|of| *of == status).count();
    let (well, ill) = (of("200"), of("503"));
    assert!(well > 50 && ill > 50, "{well} {ill}");
    place.put_rollout(STAGED);
    let format = "$remote_addr [$time_iso8601] $msec \"$request\" $status $request_time \
                  \"$upstream_addr\"";
    let [stable, canary] = [good, bad].map(|port| format!(":{port}$"));
    let arguments = [
        "replay",
        "access.log",
        "--scenario",
        "mine.toml",
        "--log-format",
        format,
        "--stable",
        &stable,
        "--canary",
        &canary,
    ];
    let told = place.json(&arguments);
    assert_eq!(told["end"], "rolled_back", "{told:#}");
    let notes = told["notes"].to_string();
    assert!(
        !notes.contains("no requests") && !notes.contains("of no version"),
        "{notes}"
    );
    let first = &told["ticks"].as_array().unwrap()[1];
    assert_eq!(first["canary_success"], 0.0, "{first:#}");
    assert_eq!(first["verdict"], "fail", "{first:#}");
    let share = first["share"].as_f64().unwrap();
    assert!((35.0..65.0).contains(&share), "{share}");
    // Its own lines, counted by hand.
    let log = std::fs::read_to_string(place.path("access.log")).unwrap();
    assert_eq!(log.lines().count(), well + ill);
}
