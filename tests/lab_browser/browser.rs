//! A browser to look at the page with: Chromium, driven by ChromeDriver.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::shared_folder::skip;

/// How often one looks whether something on the page has come.
const LOOKS: usize = 1_200;
/// How long one waits before the next look.
const BETWEEN: Duration = Duration::from_millis(50);

/// A browser of its own, with an empty profile; it ends with this value.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    /// Where ChromeDriver listens.
    port: u16,
    /// What it calls this browser.
    session: String,
    _profile: TempDir,
}

/// What a person prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// A program on the path.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

impl Browser {
    /// Starts one; `None`, on record, where there is none.
    pub(crate) async fn open() -> Option<Browser> {
        let (Some(chromium), Some(driver)) = (program("chromium"), program("chromedriver")) else {
            skip("chromium or chromedriver is missing");
            return None;
        };
        let profile = TempDir::new().expect("a temporary folder");
        let (driver, port) = start(&driver);
        let capabilities = capabilities(&chromium, profile.path());
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a session with the browser");
        let session = client
            .session_id()
            .await
            .expect("a session with the browser");
        Some(Browser {
            client,
            driver,
            port,
            session: session.unwrap_or_default(),
            _profile: profile,
        })
    }

    /// Opens a page anew, also where only the part after `#` differs from the present one.
    pub(crate) async fn open_page(&self, address: &str) {
        for address in ["about:blank", address] {
            self.client.goto(address).await.expect("the page");
        }
    }

    /// Fails where the browser complained.
    pub(crate) async fn is_content(&self) {
        let complaints = self.console().await;
        assert!(complaints.is_empty(), "the console: {complaints:#?}");
    }

    /// Goes to another room by its link.
    pub(crate) async fn enter(&self, room: &str) {
        let link = format!("document.querySelector('#rooms a[data-view={room}]').click()");
        self.script(&link, Vec::new()).await;
        self.until(room, &format!("!document.querySelector('#{room}').hidden"))
            .await;
    }

    /// Runs a script in the page and gives back what it returns.
    pub(crate) async fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        let done = self.client.execute(script, arguments).await;
        done.unwrap_or_else(|error| panic!("{error}\nin {script}"))
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&self, what: &str, expression: &str) {
        let script = format!("return Boolean({expression});");
        for _ in 0..LOOKS {
            if self.script(&script, Vec::new()).await == json!(true) {
                return;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        panic!(
            "{what}: `{expression}` does not become true; the console: {:?}",
            self.console().await
        );
    }

    /// What the browser complained about since this was last asked: errors of scripts, refusals of the
    /// content-security policy, files that could not be loaded.
    pub(crate) async fn console(&self) -> Vec<String> {
        let told = self
            .client
            .issue_cmd(Chrome::Log)
            .await
            .expect("the browser's log");
        let entries = told.as_array().cloned().unwrap_or_default();
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].to_string()).collect()
    }

    /// Has the page believe that somebody prefers this theme, and less motion where asked.
    pub(crate) async fn prefer(&self, theme: Theme, less_motion: bool) {
        let motion = if less_motion {
            "reduce"
        } else {
            "no-preference"
        };
        let features = json!([
            { "name": "prefers-color-scheme", "value": theme.name() },
            { "name": "prefers-reduced-motion", "value": motion },
        ]);
        self.tool(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// Gives the page a screen of this size.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.tool("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// A picture of the whole page, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        use base64::Engine;
        let asked = json!({ "format": "png", "captureBeyondViewport": true });
        let told = self.tool("Page.captureScreenshot", asked).await;
        let data = told["data"].as_str().expect("a picture");
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .expect("base64")
    }

    /// Presses the mouse at the first place, goes straight to each of the others and lets go: nothing
    /// is between them, as with a fast hand.
    pub(crate) async fn drag(&self, places: &[(f64, f64)]) {
        let mouse = async |kind: &str, (x, y): (f64, f64)| {
            let parameters = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
            self.tool("Input.dispatchMouseEvent", parameters).await;
        };
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return;
        };
        mouse("mousePressed", *first).await;
        for place in &places[1..] {
            mouse("mouseMoved", *place).await;
        }
        mouse("mouseReleased", *last).await;
    }

    async fn tool(&self, command: &str, parameters: Value) -> Value {
        let asked = Chrome::Tool(command.to_owned(), parameters);
        let told: Result<Value, CmdError> = self.client.issue_cmd(asked).await;
        told.unwrap_or_else(|error| panic!("{command}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // ChromeDriver ends its browser when the session ends, and leaves it behind when it is killed.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let request = format!(
                "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
                self.session
            );
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.read(&mut [0; 1024]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Starts ChromeDriver on a free port. It looks for one and then takes it, so that two which start at the
/// same time can want the same: the loser ends, and tries again.
fn start(driver: &Path) -> (Child, u16) {
    let mut told = String::new();
    for _ in 0..5 {
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ChromeDriver");
        let out = child.stdout.take().expect("its output");
        let mut lines = BufReader::new(out).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            let port = line.split_once("successfully on port ");
            if let Some(port) = port.and_then(|(_, port)| port.trim_end_matches('.').parse().ok()) {
                // What it says later must not fill the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return (child, port);
            }
            told.push_str(&line);
        }
        let _ = child.wait();
    }
    panic!("ChromeDriver does not start: {told}");
}

fn capabilities(chromium: &Path, profile: &Path) -> Capabilities {
    let folder = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        &folder,
    ];
    let wanted = json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": chromium, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    match wanted {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// What Chromium's driver knows beyond the standard.
#[derive(Debug)]
enum Chrome {
    /// Its log of the page.
    Log,
    /// A command of its developer tools.
    Tool(String, Value),
}

impl WebDriverCompatibleCommand for Chrome {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let path = match self {
            Chrome::Log => "se/log",
            Chrome::Tool(..) => "goog/cdp/execute",
        };
        base.join(&format!("session/{}/{path}", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = match self {
            Chrome::Log => json!({ "type": "browser" }),
            Chrome::Tool(command, parameters) => json!({ "cmd": command, "params": parameters }),
        };
        (http::Method::POST, Some(body.to_string()))
    }
}
