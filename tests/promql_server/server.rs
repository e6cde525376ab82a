//! A Prometheus of the test's own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::shared_folder::skip;

/// A server that ends with the test.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// A program on the path, or `None`, on record.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

impl Server {
    /// Starts one that holds these samples.
    pub(super) fn start(openmetrics: &str) -> Option<Server> {
        let (prometheus, promtool) = (installed("prometheus")?, installed("promtool")?);
        let folder = tempfile::tempdir().unwrap();
        let (samples, data) = (folder.path().join("samples.om"), folder.path().join("data"));
        std::fs::write(&samples, openmetrics).unwrap();
        let import = Command::new(promtool)
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&samples, &data])
            .output()
            .unwrap();
        assert!(
            import.status.success(),
            "{}",
            String::from_utf8_lossy(&import.stderr)
        );
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, "global: {}\n").unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new(prometheus)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Server {
            child,
            address,
            _folder: folder,
        };
        server.wait();
        Some(server)
    }

    /// Waits until it is ready, half a minute at most.
    fn wait(&mut self) {
        for _ in 0..300 {
            let ready = self
                .get("/-/ready")
                .is_some_and(|text| text.starts_with("HTTP/1.0 200"));
            if ready {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it has ended");
            #[expect(
                clippy::disallowed_methods,
                reason = "a program of somebody else starts"
            )]
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("it is not ready");
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .ok()?;
        let head = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn json(&self, path: &str) -> Value {
        let text = self.get(path).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its version.
    pub(super) fn version(&self) -> String {
        let info = self.json("/api/v1/status/buildinfo");
        info["data"]["version"].as_str().unwrap().to_owned()
    }

    /// What it answers at a time in milliseconds.
    pub(super) fn ask(&self, query: &str, millis: i64) -> Value {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let time = millis as f64 / 1_000.0;
        self.json(&format!("/api/v1/query?query={encoded}&time={time:.3}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
