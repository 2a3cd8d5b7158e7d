use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::inbox::Inbox;
use super::received::Received;
use super::replies::{Replies, Ticket};
use super::signal::Signal;
use super::transport::Transport;
use crate::error::{Error, Result};
use crate::wire::Framing;

/// Payloads up to this are copied, so that a short packet does not hold on to the buffer it came in; longer ones are
/// shared. In bytes.
const COPY: usize = 4 * 1024;
/// The room to read into, in bytes.
const ROOM: usize = 8 * 1024;

/// The state of a connection, under its lock: what goes out, what has come in, and who waits for it.
///
/// Whoever holds the lock may [`advance`](Self::advance) it: the driver, or a request that is alone. Nothing in here
/// blocks or runs code of the application.
pub(super) struct Link {
    /// None once the driver has taken it to close it.
    stream: Option<Box<dyn Transport>>,
    framing: Framing,
    /// Wakes whoever is next to advance the link.
    waker: Waker,
    /// What was read and is no whole frame yet.
    input: BytesMut,
    /// The bytes that the frame which has begun needs in all, as far as is known.
    needed: usize,
    /// What was sent and not yet written.
    output: BytesMut,
    /// Whether bytes may still be inside the stream, as TLS keeps some.
    unflushed: bool,
    /// Whether nothing is read, because the inbox is full and nobody waits for a reply.
    pub(super) paused: bool,
    pub(super) replies: Replies,
    pub(super) inbox: Inbox,
    /// Tasks that wait for the inbox.
    pub(super) receivers: usize,
    /// The request that the socket wakes in the driver's place.
    pub(super) preferred: Option<Ticket>,
    /// Whether the driver's timer will ring no later than the first deadline.
    pub(super) armed: bool,
    /// A handle has asked for the end, or the last one is gone.
    pub(super) closing: bool,
    ended: Option<Ended>,
}

/// Why there is no connection any more; every call from then on says so.
#[derive(Debug)]
enum Ended {
    /// It was closed, by either side.
    Closed,
    /// The operating system's kind and words.
    Io(io::ErrorKind, String),
    /// What the server sent is no frame.
    Protocol(String),
}

impl Link {
    pub(super) fn new(stream: Box<dyn Transport>, framing: Framing, signal: Arc<Signal>) -> Self {
        Self {
            stream: Some(stream),
            framing,
            waker: signal.into(),
            input: BytesMut::new(),
            needed: 0,
            output: BytesMut::new(),
            unflushed: false,
            paused: false,
            replies: Replies::default(),
            inbox: Inbox::default(),
            receivers: 0,
            preferred: None,
            armed: true,
            closing: false,
            ended: None,
        }
    }

    /// Why nothing more can be sent, if so.
    pub(super) fn check(&self) -> Result<()> {
        match self.end_error() {
            Some(error) => Err(error),
            None if self.closing => Err(Error::Closed),
            None => Ok(()),
        }
    }

    /// Why nothing more comes, if so.
    ///
    /// A server that refuses a connection says why in an error packet and closes; where nobody has received that
    /// packet, it is the reason.
    pub(super) fn end_error(&self) -> Option<Error> {
        let ended = self.ended.as_ref()?;
        let refused = self.inbox.last().and_then(Received::refusal);
        Some(refused.unwrap_or_else(|| ended.error()))
    }

    /// Whether the connection is over, or about to be.
    pub(super) fn is_closed(&self) -> bool {
        self.closing || self.ended.is_some()
    }

    /// Bytes that were sent and not yet written.
    pub(super) fn backlog(&self) -> usize {
        self.output.len()
    }

    /// Whether everything that was sent is on its way.
    pub(super) fn is_flushed(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// Whether nobody but the one request that waits has anything to do with the connection now.
    pub(super) fn is_exclusive(&self) -> bool {
        self.replies.owed() == 1 && self.receivers == 0 && self.is_flushed() && !self.is_closed()
    }

    /// Queues a whole frame.
    pub(super) fn queue(&mut self, frame: &[u8]) {
        self.output.extend_from_slice(frame);
    }

    /// Writes what is queued, as far as it goes; a failure is left to [`advance`](Self::advance).
    pub(super) fn write_now(&mut self) {
        // It is pending, or it failed and fails again when the driver comes by.
        let _ = self.poll_write();
    }

    /// Writes, reads and hands out what has come, until there is nothing left to do; `woken` are to be woken after
    /// the lock has been given back.
    pub(super) fn advance(&mut self, woken: &mut Vec<Waker>) {
        if self.ended.is_some() || self.stream.is_none() {
            return;
        }
        let written = self.poll_write();
        // What the server said before it went is read even if it takes no more.
        let read = self.read_all(woken);
        match (written, read) {
            (_, Err(ended)) => self.end(ended, woken),
            (Poll::Ready(Err(error)), Ok(())) => self.end(Ended::of(&error), woken),
            _ => {}
        }
    }

    fn read_all(&mut self, woken: &mut Vec<Waker>) -> Result<(), Ended> {
        loop {
            self.paused = self.inbox.is_full() && self.replies.owed() == 0;
            if self.paused {
                return Ok(());
            }
            match self.poll_read() {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(Ended::Closed),
                Poll::Ready(Ok(_)) => self.hand_out(woken)?,
                Poll::Ready(Err(error)) => return Err(Ended::of(&error)),
            }
        }
    }

    /// Hands out the whole frames that have come.
    fn hand_out(&mut self, woken: &mut Vec<Waker>) -> Result<(), Ended> {
        while !self.input.is_empty() {
            match self.framing.decode(&self.input) {
                Ok(Ok(frame)) => {
                    let received = Received {
                        payload: frame.payload.start,
                        encoding: frame.encoding,
                        frame: self.take_front(frame.payload.end),
                    };
                    if let Some(unasked) = self.replies.deliver(received, woken) {
                        self.inbox.push(unasked);
                    }
                }
                Ok(Err(needed)) => {
                    self.needed = needed;
                    return Ok(());
                }
                Err(error) => return Err(Ended::Protocol(error.to_string())),
            }
        }
        self.needed = 0;
        Ok(())
    }

    fn take_front(&mut self, length: usize) -> Bytes {
        if length > COPY {
            return self.input.split_to(length).freeze();
        }
        let bytes = Bytes::copy_from_slice(&self.input[..length]);
        self.input.advance(length);
        bytes
    }

    fn poll_write(&mut self) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
        let mut context = Context::from_waker(&self.waker);
        self.unflushed |= !self.output.is_empty();
        if self.unflushed {
            ready!(write_out(stream, &mut self.output, &mut context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else { return Poll::Pending };
        if self.input.capacity() - self.input.len() < ROOM / 4 {
            // The buffer grows with what has come, not with what was announced.
            let missing = self.needed.saturating_sub(self.input.len());
            self.input.reserve(missing.min(self.input.len() * 2).max(ROOM));
        }
        let mut context = Context::from_waker(&self.waker);
        // `read_buf` keeps nothing between polls, so that it can be made anew each time.
        pin!(stream.read_buf(&mut self.input)).poll(&mut context)
    }

    fn end(&mut self, ended: Ended, woken: &mut Vec<Waker>) {
        self.stream = None;
        self.output = BytesMut::new();
        self.input = BytesMut::new();
        self.unflushed = false;
        self.ended = Some(ended);
        let mut replies = std::mem::take(&mut self.replies);
        replies.fail(|| self.end_error().unwrap_or(Error::Closed), woken);
        self.replies = replies;
    }

    /// Ends the link for its users, and gives what is left to be written, and where to.
    pub(super) fn take(&mut self, woken: &mut Vec<Waker>) -> Option<(Box<dyn Transport>, BytesMut)> {
        self.closing = true;
        let stream = self.stream.take()?;
        let output = std::mem::take(&mut self.output);
        self.end(Ended::Closed, woken);
        Some((stream, output))
    }
}

impl Ended {
    fn of(error: &io::Error) -> Self {
        Ended::Io(error.kind(), error.to_string())
    }

    fn error(&self) -> Error {
        match self {
            Ended::Closed => Error::Closed,
            Ended::Io(kind, text) => Error::Io(io::Error::new(*kind, text.clone())),
            Ended::Protocol(text) => Error::Protocol(text.clone()),
        }
    }
}

/// Writes and flushes all of `output`.
pub(super) fn write_out(
    stream: &mut Box<dyn Transport>,
    output: &mut BytesMut,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !output.is_empty() {
        let written = ready!(Pin::new(&mut *stream).poll_write(context, output))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        output.advance(written);
    }
    Pin::new(stream).poll_flush(context)
}
