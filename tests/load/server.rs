//! Small servers that do one thing to every request, and count.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::Duration;

/// A server on loopback; it lives as long as the test's process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    /// Whoever holds it for writing stops the server.
    stopped: Arc<RwLock<()>>,
    heads: Arc<Mutex<Vec<Received>>>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Number of its connection.
    pub(crate) connection: u64,
    pub(crate) head: String,
}

impl Received {
    /// The value of a header, whose name is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found == name).then(|| value.trim())
        })
    }

    /// The user's number.
    pub(crate) fn user(&self) -> u32 {
        self.header("x-user").expect("a user").parse().unwrap()
    }
}

/// What a server does with a request, of which it is told the number (from 0) and the text.
pub(crate) enum Reply {
    /// Sends these bytes.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes the connection.
    Last(Vec<u8>),
    /// Says nothing.
    Nothing,
}

/// An answer with a body and these headers, each ended by a line break.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let text = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    Reply::Bytes(text.into_bytes())
}

pub(crate) fn hello(_: u64, _: &str) -> Reply {
    answer(200, "", "hello")
}

impl Server {
    pub(crate) fn start(
        reply: impl Fn(u64, &str) -> Reply + Clone + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
            stopped: Arc::default(),
            heads: Arc::default(),
        };
        let (requests, connections) = (
            Arc::clone(&server.requests),
            Arc::clone(&server.connections),
        );
        let (stopped, heads) = (Arc::clone(&server.stopped), Arc::clone(&server.heads));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = connections.fetch_add(1, Ordering::SeqCst);
                let (requests, stopped) = (Arc::clone(&requests), Arc::clone(&stopped));
                let (heads, reply) = (Arc::clone(&heads), reply.clone());
                let Ok(stream) = stream else {
                    continue;
                };
                thread::spawn(move || {
                    serve(stream, |head| {
                        let number = requests.fetch_add(1, Ordering::SeqCst);
                        heads.lock().unwrap().push(Received {
                            connection,
                            head: head.to_owned(),
                        });
                        drop(stopped.read().unwrap());
                        reply(number, head)
                    });
                });
            }
        });
        server
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// Requests so far, in the order in which they came.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.heads.lock().unwrap().clone()
    }

    /// Stops answering for so long.
    pub(crate) fn stop_for(&self, time: Duration) {
        let _stopped = self.stopped.write().unwrap();
        wait(time);
    }

    /// Waits until so many requests have come.
    pub(crate) fn wait_for(&self, requests: u64) {
        for _ in 0..6_000 {
            if self.requests() >= requests {
                return;
            }
            wait(Duration::from_millis(10));
        }
        panic!(
            "{} of {requests} requests came in a minute",
            self.requests()
        );
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

/// Requests without bodies, one after another.
fn serve(mut stream: TcpStream, mut reply: impl FnMut(&str) -> Reply) {
    let _ = stream.set_nodelay(true);
    let (mut unread, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        while let Some(end) = end_of_head(&unread) {
            let head: Vec<u8> = unread.drain(..end).collect();
            match reply(&String::from_utf8_lossy(&head)) {
                Reply::Bytes(bytes) if stream.write_all(&bytes).is_ok() => {}
                Reply::Nothing => {}
                Reply::Last(bytes) => {
                    let _ = stream.write_all(&bytes);
                    return;
                }
                Reply::Bytes(_) => return,
            }
        }
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => unread.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let found = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(found + 4)
}

#[expect(
    clippy::disallowed_methods,
    reason = "something happens in another process or thread meanwhile"
)]
pub(crate) fn wait(time: Duration) {
    thread::sleep(time);
}
