use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::link::write_out;
use super::shared::Shared;
use super::transport::Transport;

/// How long the server has to close its side after we have closed ours.
const LINGER: Duration = Duration::from_secs(1);

/// The task of a connection: it writes and reads wherever no request does so by itself, tells requests that they have
/// waited too long, and closes.
pub(super) struct Driver(Arc<Shared>);

impl Driver {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Runs until the connection is over.
    pub(super) async fn run(self) {
        let mut woken = Vec::new();
        {
            let mut timer = pin!(sleep(self.0.timeout));
            let mut gathered = false;
            poll_fn(|context| {
                // The runtime runs the driver right after the request that woke it. It steps back once, so that one
                // write takes the packets of all requests whose turn it is.
                gathered = !gathered && self.0.signal.take_gathering();
                if gathered {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.poll(context, timer.as_mut(), &mut woken)
            })
            .await;
        }
        let left = self.0.advance(self.0.link(), &mut woken, |link, woken| link.take(woken));
        let Some((mut stream, mut output)) = left else { return };
        let written = timeout(
            self.0.timeout,
            poll_fn(|context| {
                ready!(write_out(&mut stream, &mut output, context))?;
                Pin::new(&mut stream).poll_shutdown(context)
            }),
        );
        // If it fails the server is gone, and with it the point of closing orderly.
        let closed = matches!(written.await, Ok(Ok(())));
        self.0.gone.send_replace(true);
        if closed {
            // A socket closed with unread bytes in it is reset, and a reset takes away what the server has not read
            // yet. However this ends, there is nothing more to be said.
            let _ = timeout(LINGER, poll_fn(|context| poll_forget(&mut stream, context))).await;
        }
    }

    fn poll(
        &self,
        context: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
        woken: &mut Vec<Waker>,
    ) -> Poll<()> {
        self.0.signal.attend(context.waker());
        loop {
            let (over, armed, deadline) = self.0.advance(self.0.link(), woken, |link, _| {
                (link.is_closed(), link.armed, link.replies.deadline())
            });
            if over {
                return Poll::Ready(());
            }
            if !armed {
                return Poll::Pending;
            }
            // A deadline that moves away with every request costs nothing: the timer is set anew only when it rings
            // too early.
            if let Some(deadline) = deadline
                && (timer.is_elapsed() || timer.deadline() > deadline)
            {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(context));
            self.0.advance(self.0.link(), woken, |link, woken| {
                link.replies.expire(Instant::now(), woken);
                link.armed = link.replies.deadline().is_some();
            });
        }
    }
}

/// Reached as well when the runtime goes: nobody waits for a connection that nothing drives.
impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.0.advance(self.0.link(), &mut Vec::new(), |link, woken| link.take(woken)));
        self.0.close();
        self.0.gone.send_replace(true);
    }
}

/// Reads and forgets until the server closes.
fn poll_forget(stream: &mut Box<dyn Transport>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut room = [0; 4096];
    loop {
        let mut buffer = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
    }
}
