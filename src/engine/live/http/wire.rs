//! One end of a connection, with what was read and not yet used, and what is to be written.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::body::Malformed;
use super::{Body, LONGEST_HEAD, Refusal};

/// Why a message did not come.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It ended in the middle.
    #[error("the connection ended in the middle of a message")]
    Cut,
    /// It broke the rules.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its body broke the rules.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Bytes that are read at a time to begin with; idle connections hold no more.
const SMALL: usize = 2 * 1024;
/// Bytes that are read at a time where much comes.
const LARGE: usize = 32 * 1024;

/// One end of a connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    input: Vec<u8>,
    /// What of `input` has been read and not yet used.
    start: usize,
    end: usize,
    /// What [`Wire::flush`] writes.
    pub output: Vec<u8>,
}

impl Wire {
    /// A wire over a connection.
    pub fn new(stream: TcpStream) -> Wire {
        // Answers go out at once; where this cannot be set, they are merely later.
        let _ = stream.set_nodelay(true);
        Wire {
            stream,
            input: vec![0; SMALL],
            start: 0,
            end: 0,
            output: Vec::new(),
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When nobody listens there, or no connection is to be had.
    pub async fn connect(address: SocketAddr) -> io::Result<Wire> {
        Ok(Wire::new(TcpStream::connect(address).await?))
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What was read and not yet used.
    #[inline]
    pub fn unread(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// Uses the first `count` bytes of what was read.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end, "more used than was read");
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Reads more; 0 when the other end has closed the connection.
    ///
    /// # Errors
    /// When the connection failed.
    pub async fn fill(&mut self) -> io::Result<usize> {
        self.make_room();
        let read = self.stream.read(&mut self.input[self.end..]).await?;
        self.end += read;
        Ok(read)
    }

    /// Reads what is there without waiting: `WouldBlock` when nothing is.
    ///
    /// # Errors
    /// When nothing is there or the connection failed.
    pub fn try_fill(&mut self) -> io::Result<usize> {
        self.make_room();
        let read = self.stream.try_read(&mut self.input[self.end..])?;
        self.end += read;
        Ok(read)
    }

    /// [`Wire::fill`] for a state machine of several connections.
    ///
    /// # Errors
    /// When the connection failed.
    #[inline]
    pub fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.make_room();
        let mut room = ReadBuf::new(&mut self.input[self.end..]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut room))?;
        let read = room.filled().len();
        self.end += read;
        Poll::Ready(Ok(read))
    }

    /// Writes as much of `bytes` as goes out at once.
    ///
    /// # Errors
    /// When the connection failed.
    #[inline]
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    /// Writes `output` from the byte `sent` on, which moves along; empties it at its end.
    ///
    /// # Errors
    /// When the connection failed.
    #[inline]
    pub fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        sent: &mut usize,
    ) -> Poll<io::Result<()>> {
        while *sent < self.output.len() {
            let stream = Pin::new(&mut self.stream);
            *sent += ready!(stream.poll_write(context, &self.output[*sent..]))?;
        }
        self.output.clear();
        *sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads in large pieces from now on: much is coming.
    pub fn widen(&mut self) {
        if self.input.len() < LARGE {
            self.input.resize(LARGE, 0);
        }
    }

    /// Gives back memory that an idle connection does not need.
    #[inline]
    pub fn rest(&mut self) {
        if self.input.len() > SMALL && self.start == self.end {
            self.input = vec![0; SMALL];
        }
        if self.output.capacity() > LARGE / 2 {
            self.output = Vec::new();
        }
    }

    fn make_room(&mut self) {
        if self.end < self.input.len() {
            return;
        }
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else {
            let more = (self.input.len() * 2).min(LARGE.max(LONGEST_HEAD));
            self.input.resize(more.max(self.end + SMALL), 0);
        }
    }

    /// Writes all of `output` and empties it.
    ///
    /// # Errors
    /// When the connection failed.
    pub async fn flush(&mut self) -> io::Result<()> {
        let written = self.stream.write_all(&self.output).await;
        self.output.clear();
        written
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// When the connection failed.
    pub async fn shut_down(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Reads on until the body ends, and hands over its content.
    ///
    /// # Errors
    /// When the connection fails or ends before the body does, or the body breaks the rules.
    pub async fn read_body(
        &mut self,
        body: &mut Body,
        mut content: impl FnMut(&[u8]),
    ) -> Result<(), WireError> {
        while !body.is_complete() {
            if self.unread().is_empty() && self.fill().await? == 0 {
                return if body.ends_with_connection() {
                    Ok(())
                } else {
                    Err(WireError::Cut)
                };
            }
            let used = body.read(&self.input[self.start..self.end], &mut content)?;
            self.consume(used);
        }
        Ok(())
    }
}
