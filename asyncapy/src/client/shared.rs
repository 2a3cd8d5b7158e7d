use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::link::Link;
use super::received::Received;
use super::replies::Ticket;
use super::scratch::Scratch;
use super::signal::Signal;
use super::transport::Transport;
use crate::error::{Error, Result};
use crate::packet::EncodePacket;
use crate::wire::{Encoding, Framing, PayloadLimits};

/// Bytes above which senders wait.
const SOFT: usize = 1024 * 1024;

/// How long any call waits if nothing else is said, as in AsyncAPY's client.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// What a connection's handles and its driver share.
pub(super) struct Shared {
    link: Mutex<Link>,
    pub(super) signal: Arc<Signal>,
    /// Wakes senders that wait for room, and those that wait until all is written.
    pub(super) room: Notify,
    /// Wakes one receiver for each packet that comes into the inbox.
    pub(super) arrived: Notify,
    /// Set once, when all has been written and our side is closed.
    pub(super) gone: watch::Sender<bool>,
    pub(super) framing: Framing,
    pub(super) encoding: Encoding,
    pub(super) timeout: Duration,
    pub(super) limits: PayloadLimits,
}

impl Shared {
    pub(super) fn new(
        stream: Box<dyn Transport>,
        framing: Framing,
        encoding: Encoding,
        timeout: Duration,
        limits: PayloadLimits,
    ) -> Self {
        let signal = Arc::<Signal>::default();
        Self {
            link: Mutex::new(Link::new(stream, framing, signal.clone())),
            signal,
            room: Notify::const_new(),
            arrived: Notify::const_new(),
            gone: watch::Sender::new(false),
            framing,
            encoding,
            timeout,
            limits,
        }
    }

    pub(super) fn with_defaults(stream: Box<dyn Transport>) -> Self {
        Self::new(stream, Framing::default(), Encoding::Json, TIMEOUT, PayloadLimits::default())
    }

    pub(super) fn link(&self) -> MutexGuard<'_, Link> {
        // No code of the application runs under this lock, so that a poisoned one still holds whole frames.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Advances the link by whoever calls, and wakes whom that concerns. `then` has the last word under the lock.
    pub(super) fn advance<T>(
        &self,
        mut link: MutexGuard<'_, Link>,
        woken: &mut Vec<Waker>,
        then: impl FnOnce(&mut Link, &mut Vec<Waker>) -> T,
    ) -> T {
        let (before, was_flushed, was_closed) = (link.inbox.len(), link.is_flushed(), link.is_closed());
        link.advance(woken);
        let result = then(&mut link, woken);
        let arrived = link.inbox.len().saturating_sub(before);
        let room = !was_flushed && link.backlog() <= SOFT;
        let over = link.is_closed() && !was_closed;
        drop(link);
        woken.drain(..).for_each(Waker::wake);
        for _ in 0..arrived {
            self.arrived.notify_one();
        }
        if over {
            self.wake_all();
        } else if room {
            self.room.notify_waiters();
        }
        result
    }

    /// Wakes everybody who waits for the connection, but not for a reply.
    fn wake_all(&self) {
        self.signal.wake_driver();
        self.arrived.notify_waiters();
        self.room.notify_waiters();
    }

    /// Sends a packet, once there is room; with a turn for its reply, if one is asked for.
    pub(super) async fn send(&self, packet: &impl EncodePacket, wants_reply: bool) -> Result<Option<Ticket>> {
        match self.offer(packet, wants_reply)? {
            Some(sent) => Ok(sent),
            None => timeout(self.timeout, self.send_later(packet, wants_reply))
                .await
                .map_err(|_| Error::TimedOut)?,
        }
    }

    async fn send_later(&self, packet: &impl EncodePacket, wants_reply: bool) -> Result<Option<Ticket>> {
        loop {
            let room = self.room.notified();
            if let Some(sent) = self.offer(packet, wants_reply)? {
                return Ok(sent);
            }
            room.await;
        }
    }

    /// Sends a packet if there is room.
    fn offer(&self, packet: &impl EncodePacket, wants_reply: bool) -> Result<Option<Option<Ticket>>> {
        Scratch::with(|scratch| {
            let frame = &mut scratch.frame;
            self.framing.encode(self.encoding, frame, |out| packet.encode_packet(self.encoding, out))?;
            let mut link = self.link();
            link.check()?;
            if link.backlog() > SOFT {
                return Ok(None);
            }
            let ticket = match wants_reply {
                true => Some(link.replies.join(Instant::now() + self.timeout)?),
                false => None,
            };
            let alone = link.replies.owed() <= usize::from(wants_reply) && link.is_flushed();
            link.queue(frame);
            if alone {
                link.write_now();
            }
            let arm = wants_reply && !std::mem::replace(&mut link.armed, true);
            let left = arm || !link.is_flushed() || link.paused;
            drop(link);
            if !alone {
                self.signal.gather();
            } else if left {
                self.signal.wake_driver();
            }
            Ok(Some(ticket))
        })
    }

    /// What has come of a request.
    ///
    /// A request that is alone on the connection reads its reply by itself: the socket wakes it, not the driver.
    pub(super) fn poll_reply(&self, ticket: Ticket, context: &Context<'_>) -> Poll<Result<Received>> {
        let mut link = self.link();
        let polled = link.replies.poll(ticket, context);
        if polled.is_ready() || !link.is_exclusive() {
            return self.settle(link, ticket, polled);
        }
        self.advance(link, &mut Vec::new(), |link, woken| {
            // Nobody else waits, and who asks need not be woken.
            woken.clear();
            let polled = link.replies.poll(ticket, context);
            if polled.is_pending() {
                link.preferred = Some(ticket);
                self.signal.prefer(context.waker());
                return polled;
            }
            link.preferred = None;
            self.signal.prefer_driver();
            polled
        })
    }

    /// The socket wakes the driver again, if it was to wake this request and its reply is there.
    fn settle<T>(&self, mut link: MutexGuard<'_, Link>, ticket: Ticket, polled: Poll<T>) -> Poll<T> {
        if polled.is_ready() && link.preferred == Some(ticket) {
            link.preferred = None;
            self.signal.prefer_driver();
        }
        polled
    }

    /// A request was dropped before its reply came.
    pub(super) fn give_up(&self, ticket: Ticket) {
        self.link().replies.give_up(ticket);
        // The socket may have woken the request, which will not look any more.
        self.signal.wake_driver();
    }

    /// The next packet for which no request waits.
    pub(super) async fn receive(&self) -> Result<Received> {
        if let Some(received) = self.take_received()? {
            return Ok(received);
        }
        let waiting = Receiving::enter(self);
        let received = timeout(self.timeout, async {
            loop {
                let arrived = self.arrived.notified();
                if let Some(received) = self.take_received()? {
                    return Ok(received);
                }
                arrived.await;
            }
        });
        let received = received.await.map_err(|_| Error::TimedOut)?;
        drop(waiting);
        received
    }

    fn take_received(&self) -> Result<Option<Received>> {
        let mut link = self.link();
        // What has come is handed out even if the connection is gone.
        match link.inbox.pop() {
            Some(received) => {
                let paused = link.paused;
                drop(link);
                if paused {
                    self.signal.wake_driver();
                }
                Ok(Some(received))
            }
            None => link.check().map(|()| None),
        }
    }

    /// Waits until all that was sent has been written.
    pub(super) async fn flush(&self) -> Result<()> {
        let flushed = async {
            loop {
                let room = self.room.notified();
                {
                    let link = self.link();
                    link.check()?;
                    if link.is_flushed() {
                        return Ok(());
                    }
                }
                room.await;
            }
        };
        timeout(self.timeout, flushed).await.map_err(|_| Error::TimedOut)?
    }

    /// Asks the driver to write what is left and to close.
    pub(super) fn close(&self) {
        self.link().closing = true;
        self.wake_all();
    }
}

/// A task that waits for the inbox: while there is one, the driver reads.
struct Receiving<'a>(&'a Shared);

impl<'a> Receiving<'a> {
    fn enter(shared: &'a Shared) -> Self {
        shared.link().receivers += 1;
        shared.signal.wake_driver();
        Self(shared)
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.0.link().receivers -= 1;
    }
}
