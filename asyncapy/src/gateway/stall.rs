use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::mux::{FORGET, Io, LINGER, Transport};

/// A connection whose client must read what it is sent: a write that makes no progress for too long fails.
///
/// When our side is closed, what the client still sends is read and forgotten for a moment: a socket that is closed with
/// unread bytes in it is reset, and a reset takes the answer along that says why no more is read.
#[derive(Debug)]
pub(super) struct Stall {
    stream: Box<dyn Transport>,
    time: Duration,
    /// Runs while a write is stuck.
    stuck: Option<Pin<Box<Sleep>>>,
    /// Runs once our side is closed.
    parting: Option<Parting>,
}

/// The time after our close, and how much has come in it.
#[derive(Debug)]
struct Parting {
    over: Pin<Box<Sleep>>,
    forgotten: usize,
}

impl Stall {
    pub(super) fn new(stream: Io, time: Duration) -> Self {
        Self { stream: stream.into_transport(), time, stuck: None, parting: None }
    }

    /// Looks after a write: `polled` as it is, unless it was stuck for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stuck = None;
            return polled;
        }
        let time = self.time;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        match stuck.as_mut().poll(context) {
            Poll::Pending => polled,
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
            }
        }
    }

    /// Reads and forgets until the other side has closed.
    fn poll_parting(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let parting = self
            .parting
            .get_or_insert_with(|| Parting { over: Box::pin(tokio::time::sleep(LINGER)), forgotten: 0 });
        let mut bytes = [0; 4096];
        while parting.forgotten < FORGET {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    parting.forgotten += buffer.filled().len();
                }
                // Its end, or a failure: there is nothing more to be said.
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return parting.over.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Stall {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stall {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.parting.is_none() {
            let polled = Pin::new(&mut self.stream).poll_shutdown(context);
            ready!(self.watch(context, polled))?;
        }
        self.poll_parting(context).map(Ok)
    }
}
