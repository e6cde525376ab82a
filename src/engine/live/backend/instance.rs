//! One instance: its port, its connections, and whether its process is running.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use rustix::net::sockopt::{set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::ballast::Ballast;
use super::connection;
use super::host::Host;
use super::template::Template;
use crate::base::Span;
use crate::engine::actors::pool::Place;
use crate::engine::live::clock::Moment;
use crate::engine::live::tally::Tally;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How long nothing is accepted when there are no descriptors or no port.
const BREATHER: Span = Span::from_millis(10);

/// A port that belongs to an instance, whether anybody listens there or not.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    /// Keeps the port from others. It never listens, so that connections are refused while nobody
    /// else does.
    _holder: OwnedFd,
}

impl Port {
    /// Takes a port; 0: a free one.
    ///
    /// # Errors
    /// When it is in use or there is none.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Port> {
        if address.port() != 0 {
            // Sockets that share a port do not notice another process that would share it too.
            let probe = socket(address, false)?;
            bind(&probe, &address)?;
            listen(&probe, 1)?;
        }
        let holder = socket(address, true)?;
        bind(&holder, &address)?;
        let holder = StdListener::from(holder);
        Ok(Port {
            address: holder.local_addr()?,
            _holder: holder.into(),
        })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens there.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        let listener = socket(self.address, true)?;
        bind(&listener, &self.address)?;
        listen(&listener, BACKLOG)?;
        TcpListener::from_std(listener.into())
    }
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    set_socket_reuseaddr(&socket, true)?;
    set_socket_reuseport(&socket, shared)?;
    Ok(socket)
}

/// One instance, in one life after another.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) place: Place,
    pub(super) tally: Arc<Tally>,
    pub(super) template: Template,
    port: Port,
    /// Whether its process runs and listens.
    running: Cell<bool>,
    /// Which life this is: connections of earlier ones are reset.
    life: Cell<u64>,
    /// Something about it has changed.
    changed: Notify,
    /// Shared work has come.
    pub(super) joined: Notify,
    ballast: RefCell<Ballast>,
}

impl Instance {
    pub(super) fn new(place: Place, port: Port, tally: Arc<Tally>, body: usize) -> Instance {
        Instance {
            place,
            tally,
            template: Template::new(place, body),
            port,
            running: Cell::new(false),
            life: Cell::new(0),
            changed: Notify::new(),
            joined: Notify::new(),
            ballast: RefCell::default(),
        }
    }

    /// Which life this is.
    pub(super) fn life(&self) -> u64 {
        self.life.get()
    }

    /// Whether a life is the present one and still going on.
    pub(super) fn is_alive(&self, life: u64) -> bool {
        self.running.get() && self.life.get() == life
    }

    /// Notes whether its process runs; whether that is news.
    pub(super) fn set_running(&self, running: bool) -> bool {
        if self.running.replace(running) == running {
            return false;
        }
        if !running {
            self.life.set(self.life.get() + 1);
        }
        self.changed.notify_one();
        true
    }

    /// Its process is gone, with what it had counted and lost.
    pub(super) fn fall(&self, host: &Host) {
        self.tally.clear();
        self.ballast.borrow_mut().clear(host.leaked());
        self.set_running(false);
    }

    /// Loses memory, until so many bytes are lost.
    pub(super) fn lose(&self, lost: f64, host: &Host) {
        if lost > 0.0 {
            let mut ballast = self.ballast.borrow_mut();
            ballast.grow(lost, host.leaked(), host.options.memory);
        }
    }

    /// The listener with which it begins, when its process runs.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub(super) fn first_listener(&self) -> io::Result<Option<TcpListener>> {
        self.running.get().then(|| self.port.listen()).transpose()
    }

    /// Stops accepting.
    pub(super) fn stop(&self) {
        self.changed.notify_one();
    }
}

/// Listens while the instance's process runs, and has connections served.
pub(super) async fn run(host: Rc<Host>, instance: Rc<Instance>, first: Option<TcpListener>) {
    let mut first = first;
    let mut connections = JoinSet::new();
    loop {
        while !instance.running.get() {
            if host.is_stopping() {
                return;
            }
            instance.changed.notified().await;
        }
        let life = instance.life();
        let listener = match first.take() {
            Some(listener) => Ok(listener),
            None => instance.port.listen(),
        };
        match listener {
            Ok(listener) => accept(&host, &instance, life, &listener, &mut connections).await,
            // There will be descriptors again.
            Err(_) => host.alarm.at(Moment::now() + BREATHER).await,
        }
        if host.is_stopping() {
            // What is under way is finished; who waits for that ends this.
            pending::<()>().await;
        }
        if !instance.is_alive(life) {
            connections.shutdown().await;
        }
    }
}

/// Accepts connections until this life of the instance ends.
async fn accept(
    host: &Rc<Host>,
    instance: &Rc<Instance>,
    life: u64,
    listener: &TcpListener,
    connections: &mut JoinSet<()>,
) {
    while instance.is_alive(life) && !host.is_stopping() {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if host.may_open() => {
                    let served = connection::serve(Rc::clone(host), Rc::clone(instance), stream);
                    connections.spawn_local(served);
                }
                // One too many.
                Ok(_) => {}
                Err(_) => host.alarm.at(Moment::now() + BREATHER).await,
            },
            Some(_) = connections.join_next() => {}
            () = instance.changed.notified() => {}
        }
    }
}

/// Ends shared work when it is complete.
pub(super) async fn share(host: Rc<Host>, instance: Rc<Instance>) {
    loop {
        let next = {
            let mut responder = host.responder.borrow_mut();
            responder.finish(instance.place, Moment::now());
            responder.next_end(instance.place)
        };
        match next {
            None => instance.joined.notified().await,
            Some(next) => tokio::select! {
                () = host.alarm.at(next) => {}
                () = instance.joined.notified() => {}
            },
        }
    }
}
