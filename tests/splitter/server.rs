//! Servers that do as they are told, one thread for each connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::header;

/// A server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Heads of all requests, in the order in which they came.
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

/// The server's end of a connection.
pub(crate) type Stream = BufReader<TcpStream>;

/// What a server does with a request, of which it has read the head; whether the connection stays.
type Handler = dyn Fn(&str, &mut Stream) -> bool + Send + Sync;

impl Server {
    pub(crate) fn start(
        handler: impl Fn(&str, &mut Stream) -> bool + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
            connections: Arc::default(),
            stopped: Arc::default(),
            streams: Arc::default(),
        };
        let handler: Arc<Handler> = Arc::new(handler);
        let (heads, connections) = (Arc::clone(&server.heads), Arc::clone(&server.connections));
        let (stopped, streams) = (Arc::clone(&server.stopped), Arc::clone(&server.streams));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                connections.fetch_add(1, Ordering::SeqCst);
                streams.lock().unwrap().push(stream.try_clone().unwrap());
                let (handler, heads) = (Arc::clone(&handler), Arc::clone(&heads));
                thread::spawn(move || {
                    stream.set_nodelay(true).unwrap();
                    let mut reader = BufReader::new(stream);
                    while let Some(head) = read_head(&mut reader) {
                        heads.lock().unwrap().push(head.clone());
                        if !handler(&head, &mut reader) {
                            break;
                        }
                    }
                    // Clones of the stream must not keep it open.
                    let _ = reader.get_ref().shutdown(Shutdown::Both);
                });
            }
        });
        server
    }

    /// A server that answers every request with the same text, after reading its body.
    pub(crate) fn saying(answer: &'static str) -> Server {
        Server::start(move |head, stream| {
            read_body(head, stream, false).is_some() && say(stream, answer)
        })
    }

    /// A server that is well.
    pub(crate) fn well() -> Server {
        Server::saying(OK)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Tears down all connections, and takes no more.
    pub(crate) fn kill(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The loop notices with the next connection, which is this one.
        drop(TcpStream::connect(self.address));
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The usual answer.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Writes an answer; whether that worked.
pub(crate) fn say(stream: &mut Stream, answer: impl AsRef<[u8]>) -> bool {
    stream.get_mut().write_all(answer.as_ref()).is_ok()
}

/// A head with the empty line at its end; `None` where the connection ends before.
pub(crate) fn read_head(stream: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    loop {
        let before = head.len();
        match stream.read_line(&mut head) {
            Ok(read) if read > 0 => {}
            _ => return None,
        }
        if head[before..].trim_end().is_empty() && before > 0 {
            return Some(head);
        }
    }
}

/// The body that a head announces, chunks joined; `None` where it is cut off.
pub(crate) fn read_body(head: &str, stream: &mut impl BufRead, answer: bool) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if let Some(length) = header(head, "content-length") {
        body.resize(length.parse().ok()?, 0);
        stream.read_exact(&mut body).ok()?;
    } else if header(head, "transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
            if size == 0 {
                break;
            }
            let before = body.len();
            body.resize(before + size, 0);
            stream.read_exact(&mut body[before..]).ok()?;
            stream.read_line(&mut line).ok()?;
        }
        // The trailer.
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            if line.trim_end().is_empty() {
                break;
            }
        }
    } else if answer {
        stream.read_to_end(&mut body).ok()?;
    }
    Some(body)
}
