use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::Io;

/// How long the other side has to close after we have.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
/// How much of what it still sends is read and forgotten, in bytes.
pub(crate) const FORGET: usize = 4 * 1024 * 1024;

/// The end of a connection: what is left is written, our side is closed, and the other's is read until it closes too.
///
/// Without the last part a reply could be lost: a socket that is closed with unread bytes in it is reset, and a reset
/// takes what the other side has not read yet with it.
pub(crate) struct Farewell<'a> {
    pub(crate) io: &'a mut Io,
    pub(crate) output: &'a mut BytesMut,
    /// How long a write may make no progress.
    pub(crate) stall: Duration,
}

impl Farewell<'_> {
    /// Writes what is left and closes our side. Somebody who reads slowly is waited for, one who does not read at all is
    /// not.
    pub(crate) async fn write_all(&mut self) -> Result<io::Result<()>, Elapsed> {
        loop {
            let before = self.output.len();
            let stalled = Instant::now() + self.stall;
            let written = timeout_at(stalled, poll_fn(|context| self.poll_written(context))).await;
            if written.is_ok() || self.output.len() >= before {
                return written;
            }
        }
    }

    /// Reads and forgets until the other side has closed.
    pub(crate) async fn linger(&mut self) {
        let mut forgotten = 0;
        let lingered = poll_fn(|context| self.poll_linger(context, &mut forgotten));
        // However it ends, there is nothing more to be said.
        let _ = timeout_at(Instant::now() + LINGER, lingered).await;
    }

    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            ready!(self.io.poll_write(context, self.output))?;
        }
        ready!(self.io.poll_flush(context))?;
        self.io.poll_shutdown(context)
    }

    fn poll_linger(&mut self, context: &mut Context<'_>, forgotten: &mut usize) -> Poll<io::Result<()>> {
        let mut buffer = BytesMut::new();
        while *forgotten < FORGET {
            ready!(self.io.poll_readable(context))?;
            buffer.clear();
            buffer.reserve(16 * 1024);
            match ready!(self.io.poll_read(context, &mut buffer))? {
                0 => break,
                more => *forgotten += more,
            }
        }
        Poll::Ready(Ok(()))
    }
}
