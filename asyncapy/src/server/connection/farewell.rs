use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::{Connection, End};
use crate::handler::session::Phase;

/// How long a client has to close its side after we have closed ours.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what it still sends is read and forgotten, in bytes.
const FORGET: usize = 4 * 1024 * 1024;

impl Connection {
    /// Writes what is left, closes our side, and reads the client's until it closes too.
    ///
    /// Without the last part a reply could be lost: a socket that is closed with unread bytes in it is reset, and a
    /// reset takes what the client has not read yet with it.
    pub(super) async fn farewell(mut self, end: &End) {
        if matches!(end, End::Cut | End::Stuck | End::Io(_)) {
            return;
        }
        self.let_go();
        let owing = !self.output.is_empty() || self.core().outbox.is_filled();
        if owing {
            debug!(part = "Response handler", "Sending response to client");
        }
        match self.write_all().await {
            Ok(Ok(())) if owing => debug!(part = "Response handler", "Response sent"),
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return debug!(part = "Client handler", %error, "The last replies were not written");
            }
            Err(_) => return debug!(part = "Client handler", "The client does not read its last replies"),
        }
        if !matches!(end, End::PeerClosed) {
            let mut forgotten = 0;
            let lingered = poll_fn(|context| self.poll_linger(context, &mut forgotten));
            // However it ends, there is nothing more to be said.
            let _ = timeout_at(Instant::now() + LINGER, lingered).await;
        }
    }

    /// Writes what is left. A client that reads slowly is waited for, one that does not read at all is not.
    async fn write_all(&mut self) -> Result<io::Result<()>, Elapsed> {
        // Nothing more comes in: the session is closing.
        self.client.core().outbox.drain_into(&mut self.output);
        loop {
            let before = self.output.len();
            let stalled = Instant::now() + self.shared.limits.write_stall;
            let written = timeout_at(stalled, poll_fn(|context| self.poll_written(context))).await;
            if written.is_ok() || self.output.len() >= before {
                return written;
            }
        }
    }

    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_cut(context))?;
        while !self.output.is_empty() {
            ready!(self.stream.poll_write(context, &mut self.output))?;
        }
        ready!(self.stream.poll_flush(context))?;
        self.stream.poll_shutdown(context)
    }

    fn poll_linger(&mut self, context: &mut Context<'_>, forgotten: &mut usize) -> Poll<io::Result<()>> {
        ready!(self.poll_cut(context))?;
        let mut buffer = BytesMut::new();
        while *forgotten < FORGET {
            ready!(self.stream.poll_readable(context))?;
            buffer.clear();
            buffer.reserve(16 * 1024);
            match ready!(self.stream.poll_read(context, &mut buffer))? {
                0 => break,
                more => *forgotten += more,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready with an error when the shutdown's deadline has passed; never pending, but the waker is known after.
    fn poll_cut(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.core().outbox.poll_filled(context.waker());
        if self.core().phase() == Phase::Cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Poll::Ready(Ok(()))
    }
}
