//! Servers for tests that answer what they are told to.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, LocalOptions};

/// What a server answers next.
#[derive(Debug, Clone)]
pub(in crate::engine::live) enum Shows {
    /// Status 200 and this.
    Text(String),
    /// Another status, and this.
    Status(u16, String),
    /// Bytes as they are, and the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, while the connection stays open.
    Silence,
    /// The end of the connection.
    Cut,
}

/// A server that answers what it is told to.
#[derive(Debug)]
pub(in crate::engine::live) struct Server {
    pub(in crate::engine::live) address: SocketAddr,
    shows: Rc<RefCell<Shows>>,
    pub(in crate::engine::live) connections: Rc<Cell<u32>>,
    /// What was asked for, in order.
    pub(in crate::engine::live) asked: Rc<RefCell<Vec<String>>>,
}

impl Server {
    pub(in crate::engine::live) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let shows = Rc::new(RefCell::new(Shows::Status(404, "no".to_owned())));
        let asked = Rc::new(RefCell::new(Vec::new()));
        let list = Rc::clone(&asked);
        let connections = Rc::new(Cell::new(0));
        let (told, count) = (Rc::clone(&shows), Rc::clone(&connections));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.set(count.get() + 1);
                tokio::task::spawn_local(serve(stream, Rc::clone(&told), Rc::clone(&list)));
            }
        });
        Server {
            address,
            shows,
            connections,
            asked,
        }
    }

    pub(in crate::engine::live) fn show(&self, shows: Shows) {
        *self.shows.borrow_mut() = shows;
    }
}

async fn serve(
    mut stream: tokio::net::TcpStream,
    shows: Rc<RefCell<Shows>>,
    asked: Rc<RefCell<Vec<String>>>,
) {
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
            _ => return,
        }
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut request)).unwrap();
        let target = text.split(' ').nth(1).unwrap();
        asked.borrow_mut().push(target.to_owned());
        let shown = shows.borrow().clone();
        let answer = match shown {
            Shows::Text(text) => whole(200, &text),
            Shows::Status(status, text) => whole(status, &text),
            Shows::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Shows::Silence => std::future::pending().await,
            Shows::Cut => return,
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn whole(status: u16, text: &str) -> Vec<u8> {
    let length = text.len();
    format!("HTTP/1.1 {status} So\r\ncontent-length: {length}\r\n\r\n{text}").into_bytes()
}

/// Runs inside a thread's own runtime, as the parts of a run do.
pub(in crate::engine::live) fn locally<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(future)
}
