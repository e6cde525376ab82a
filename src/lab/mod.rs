//! The lab: a local page on which low traffic can be felt, with the book and the lessons that it shows.
//!
//! | Module | What it knows |
//! |---|---|
//! | [`book`] | The pages of the book, as HTML that is safe to show. |
//! | [`lessons`] | The lessons. |
//! | [`plain`] | Markdown on a terminal. |
//! | [`door`] | Who may come in. |
//! | [`setup`] | What a page asks for, as a scenario. |
//! | [`choices`] | Gates to choose from. |
//! | [`knobs`] | What can be moved in a scenario. |
//! | [`live`] | A rollout for real, and who reaches into it. |
//! | `extent` | How much work one rollout is. |
//! | [`turns`] | Whose simulation runs when, and for how long. |
//! | [`routes`] | What is answered: one file for each group. |
//! | [`refusal`] | Why something is not. |
//! | [`openapi`] | The description of the API. |
//! | `written` | A setup written out as a file. |
//! | `assets` | The files of the page. |
//!
//! A request is admitted at the door, read into what it asks, staged as a scenario, and simulated on a
//! thread of its own when its turn comes; the runtime's threads only wait.

mod asked;
mod assets;
pub mod book;
pub mod choices;
pub mod door;
mod extent;
pub mod knobs;
pub mod lessons;
pub mod live;
pub mod openapi;
pub mod plain;
pub mod refusal;
pub mod routes;
pub mod setup;
pub mod turns;
mod written;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;

use door::{Door, Name};
use live::Live;
use turns::Turns;

/// How long the head of a request may take to come, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Connections at the same time; more wait at the door. A browser has half a dozen for a page.
const MOST_CONNECTIONS: usize = 512;
/// How long nobody is let in when there are no descriptors.
const BREATHER: Duration = Duration::from_millis(10);

/// Where the lab is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The address on which it listens.
    pub listen: IpAddr,
    /// The port; `None`: a free one.
    pub port: Option<u16>,
    /// Names under which browsers may ask, beside those of loopback.
    pub names: Vec<Name>,
}

impl Default for Place {
    fn default() -> Place {
        Place {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: None,
            names: Vec::new(),
        }
    }
}

/// Why the lab cannot be opened or has closed.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Other machines could ask, and nobody said under which names they may.
    #[error("the lab is not opened to other machines without names that browsers may ask for")]
    Unnamed(IpAddr),
    /// Somebody else has the port.
    #[error(
        "cannot listen on {0}: another program has the port; name another, or leave --port out for a \
         free one"
    )]
    Taken(SocketAddr),
    /// It cannot listen there.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// Something of the system's is missing.
    #[error("the lab cannot be opened: {0}")]
    System(#[from] io::Error),
}

/// What all requests share.
#[derive(Debug, Clone)]
pub struct Lab {
    /// Who may come in.
    pub door: Arc<Door>,
    /// Whose simulation runs when.
    pub turns: Arc<Turns>,
    /// What is played for real.
    pub live: Arc<Live>,
}

/// A lab that listens and does not answer yet.
#[derive(Debug)]
pub struct Opened {
    lab: Lab,
    listener: TcpListener,
    address: SocketAddr,
    names: Vec<Name>,
}

/// Opens the lab: whoever comes from now on waits until it serves.
///
/// # Errors
/// When it may not or cannot listen there.
pub fn open(place: &Place) -> Result<Opened, LabError> {
    if !place.listen.is_loopback() && place.names.is_empty() {
        return Err(LabError::Unnamed(place.listen));
    }
    let wanted = SocketAddr::new(place.listen, place.port.unwrap_or(0));
    let listener = TcpListener::bind(wanted).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => LabError::Taken(wanted),
        _ => LabError::Listen(wanted, error),
    })?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok(Opened {
        lab: Lab {
            door: Arc::new(Door::new(address, &place.names)?),
            turns: Arc::new(Turns::default()),
            live: Arc::default(),
        },
        listener,
        address,
        names: place.names.clone(),
    })
}

impl Opened {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to open in a browser, with the token that lets its page do everything.
    pub fn link(&self) -> String {
        let token = self.lab.door.token();
        let host = match (self.address.ip().is_loopback(), self.names.first()) {
            (false, Some(name)) => name.with_port(self.address.port()),
            _ => self.address.to_string(),
        };
        format!("http://{host}/#token={}", token.text())
    }

    /// Answers until the process ends.
    ///
    /// # Errors
    /// When the runtime cannot be started.
    pub fn serve(self) -> Result<(), LabError> {
        // Simulations have threads of their own: these two only wait and write.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            welcome(&listener, router(self.lab)).await
        })
    }
}

/// Takes connections in until the process ends. A head that does not come gives its connection back.
async fn welcome(listener: &tokio::net::TcpListener, router: Router) -> Result<(), LabError> {
    let mut http = Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let seats = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // It is never closed.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
            return Ok(());
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Descriptors come back; a connection that went away meanwhile is no reason to end.
            tokio::time::sleep(BREATHER).await;
            continue;
        };
        let (http, router) = (http.clone(), router.clone());
        tokio::spawn(async move {
            // What goes wrong with a connection is nobody else's concern.
            let _ = http
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
                .await;
            drop(seat);
        });
    }
}

/// Everything that is answered.
fn router(lab: Lab) -> Router {
    let door = Arc::clone(&lab.door);
    routes::all()
        .fallback(assets::serve)
        .layer(middleware::from_fn_with_state(door, door::guard))
        .with_state(lab)
}
