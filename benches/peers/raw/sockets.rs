//! Sockets, readiness and as much of HTTP as two programs need that trust each other.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use rustix::time::Timespec;

/// Tells which sources are ready, by the tokens they were added with.
pub struct Poller {
    epoll: OwnedFd,
    events: [Event; 256],
}

impl Poller {
    pub fn new() -> io::Result<Poller> {
        let nothing = Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        Ok(Poller {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: [nothing; 256],
        })
    }

    /// Tells while there is something to read.
    pub fn add(&self, source: impl AsFd, token: usize) -> io::Result<()> {
        let data = EventData::new_u64(token as u64);
        Ok(epoll::add(&self.epoll, source, data, EventFlags::IN)?)
    }

    /// Tells once each time that there is more to read.
    pub fn add_edge(&self, source: impl AsFd, token: usize) -> io::Result<()> {
        let data = EventData::new_u64(token as u64);
        let flags = EventFlags::IN | EventFlags::ET;
        Ok(epoll::add(&self.epoll, source, data, flags)?)
    }

    /// Waits until something is ready, or for so many nanoseconds, and says how many sources are.
    pub fn wait(&mut self, nanos: Option<u64>) -> io::Result<usize> {
        let timeout = nanos.map(|nanos| Timespec {
            tv_sec: (nanos / 1_000_000_000) as i64,
            tv_nsec: (nanos % 1_000_000_000) as _,
        });
        match epoll::wait(&self.epoll, &mut self.events, timeout.as_ref()) {
            // A process that was stopped and goes on.
            Err(Errno::INTR) => Ok(0),
            ready => Ok(ready?),
        }
    }

    /// The token of a ready source.
    pub fn token(&self, index: usize) -> usize {
        let data = self.events[index].data;
        data.u64() as usize
    }
}

/// Listens on loopback with a queue of its own length.
pub fn listener(port: u16, backlog: i32) -> io::Result<TcpListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    listen(&socket, backlog)?;
    Ok(TcpListener::from(socket))
}

/// A connection with what was read and not yet used.
pub struct Connection {
    pub stream: TcpStream,
    input: Box<[u8]>,
    filled: usize,
}

impl Connection {
    pub fn new(stream: TcpStream) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            input: vec![0; 16 * 1024].into(),
            filled: 0,
        })
    }

    pub fn open(port: u16) -> io::Result<Connection> {
        Connection::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)
    }

    /// Reads once; false when the connection is over.
    pub fn fill(&mut self) -> bool {
        match (&self.stream).read(&mut self.input[self.filled..]) {
            Ok(0) => false,
            Ok(count) => {
                self.filled += count;
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Writes all at once; false when the connection would not take it.
    pub fn write(&self, bytes: &[u8]) -> bool {
        matches!((&self.stream).write(bytes), Ok(count) if count == bytes.len())
    }

    pub fn unread(&self) -> &[u8] {
        &self.input[..self.filled]
    }

    pub fn consume(&mut self, count: usize) {
        self.input.copy_within(count..self.filled, 0);
        self.filled -= count;
    }
}

/// Connections by small numbers that are used again.
pub struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slab<T> {
    pub fn new() -> Slab<T> {
        Slab {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    pub fn insert(&mut self, value: T) -> usize {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(value);
        place
    }

    pub fn get(&mut self, place: usize) -> Option<&mut T> {
        self.places.get_mut(place)?.as_mut()
    }

    pub fn remove(&mut self, place: usize) -> Option<T> {
        let value = self.places.get_mut(place)?.take();
        if value.is_some() {
            self.free.push(place);
        }
        value
    }
}

/// Where a request without a body ends.
pub fn request_end(bytes: &[u8]) -> Option<usize> {
    head_end(bytes)
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

/// A whole answer at the beginning of what was read.
pub struct Answer {
    pub length: usize,
    pub status: u16,
    /// The first letter of the body: by it servers here say which version they are.
    pub version: u8,
    /// Whether the server will close the connection.
    pub closes: bool,
}

/// The answer that `bytes` begin with, when it is whole.
pub fn answer(bytes: &[u8]) -> Option<Answer> {
    let head = head_end(bytes)?;
    let mut body = 0;
    let mut closes = false;
    for line in bytes[..head].split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            body = number(value)?;
        } else if name.eq_ignore_ascii_case(b"connection") {
            closes = value.eq_ignore_ascii_case(b"close");
        }
    }
    let length = head + body;
    (bytes.len() >= length).then(|| Answer {
        length,
        status: bytes.get(9..12).and_then(number).unwrap_or(0) as u16,
        version: if body > 0 { bytes[head] } else { b'?' },
        closes,
    })
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
