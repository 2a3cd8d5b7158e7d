use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::BytesMut;
use tokio::sync::Notify;

use crate::error::{Error, Result};

/// What other tasks, and handlers by `client.send`, have for a connection to write.
///
/// The connection takes it between two packets; a sender above the soft limit waits until the client has read.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    /// Whether `inner` holds anything, so that a connection with nothing to fetch takes no lock.
    filled: AtomicBool,
    /// Whether the connection has taken bytes over and not yet told that all are written.
    owing: AtomicBool,
    /// Whether the connection waits: nobody is woken who is running.
    parked: AtomicBool,
    /// Wakes senders that wait for room.
    room: Notify,
    /// Bytes above which senders wait.
    soft: usize,
    /// Bytes above which nothing is taken.
    hard: usize,
}

#[derive(Debug, Default)]
struct Inner {
    frames: BytesMut,
    /// Bytes that the connection has taken over and not yet written.
    taken: usize,
    closed: bool,
    /// The connection's.
    waker: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(soft: usize, hard: usize) -> Self {
        Self {
            inner: Mutex::default(),
            filled: AtomicBool::new(false),
            owing: AtomicBool::new(false),
            parked: AtomicBool::new(false),
            room: Notify::const_new(),
            soft,
            hard,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No user code runs under this lock, so that a poisoned one still holds whole frames.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what `write` writes, once there is room.
    pub(crate) async fn send(&self, mut write: impl FnMut(&mut BytesMut) -> Result<()>) -> Result<()> {
        loop {
            let room = self.room.notified();
            if self.offer(self.soft, &mut write)? {
                return Ok(());
            }
            room.await;
        }
    }

    /// Appends what `write` writes, or fails at once where the hard limit is reached.
    pub(crate) fn try_send(&self, mut write: impl FnMut(&mut BytesMut) -> Result<()>) -> Result<()> {
        if self.offer(self.hard, &mut write)? { Ok(()) } else { Err(Error::Overloaded) }
    }

    /// Whether there was room below `limit`.
    fn offer(&self, limit: usize, write: &mut impl FnMut(&mut BytesMut) -> Result<()>) -> Result<bool> {
        let waker = {
            let mut inner = self.lock();
            if inner.closed {
                return Err(Error::Closed);
            }
            if inner.frames.len() + inner.taken > limit {
                return Ok(false);
            }
            write(&mut inner.frames)?;
            self.filled.store(true, Ordering::Release);
            if self.parked.swap(false, Ordering::AcqRel) { inner.waker.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(true)
    }

    /// Whether something waits to be taken.
    pub(crate) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    /// Moves everything into `out`.
    #[inline]
    pub(crate) fn drain_into(&self, out: &mut BytesMut) {
        if self.is_filled() {
            self.move_into(out);
        }
    }

    #[inline(never)]
    fn move_into(&self, out: &mut BytesMut) {
        let mut inner = self.lock();
        self.filled.store(false, Ordering::Release);
        out.extend_from_slice(&inner.frames);
        inner.frames.clear();
        inner.taken = out.len();
        self.owing.store(true, Ordering::Release);
    }

    /// Tells how many bytes the connection still has to write.
    pub(crate) fn written(&self, left: usize) {
        if !self.owing.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.lock();
        inner.taken = left;
        self.owing.store(left > 0, Ordering::Release);
        let room = inner.frames.len() + left <= self.soft;
        drop(inner);
        if room {
            self.room.notify_waiters();
        }
    }

    /// Whether something waits to be taken; if not, `waker` is woken when something does.
    pub(crate) fn poll_filled(&self, waker: &Waker) -> bool {
        let mut inner = self.lock();
        self.parked.store(true, Ordering::Release);
        match &mut inner.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        if inner.frames.is_empty() {
            // A connection that waits holds no buffer.
            inner.frames = BytesMut::new();
        }
        !inner.frames.is_empty()
    }

    /// The connection runs again and looks by itself: nobody need wake it.
    pub(crate) fn attended(&self) {
        self.parked.store(false, Ordering::Release);
    }

    /// Wakes the connection, for a reason that lies elsewhere.
    pub(crate) fn wake(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nothing more is taken; senders that wait are told so. What is inside is still written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(bytes: &'static [u8]) -> impl FnMut(&mut BytesMut) -> Result<()> {
        move |out| {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }

    #[test]
    fn a_connection_that_runs_is_not_woken() {
        let outbox = Outbox::new(10, 20);
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());

        assert!(!outbox.poll_filled(&waker));
        outbox.try_send(write(b"ab")).unwrap();
        assert_eq!(bell.0.load(Ordering::Relaxed), 1);
        outbox.attended();
        outbox.try_send(write(b"cd")).unwrap();
        assert_eq!(bell.0.load(Ordering::Relaxed), 1, "it looks by itself");

        let mut out = BytesMut::new();
        assert!(outbox.poll_filled(&waker), "it must not wait now");
        outbox.drain_into(&mut out);
        assert_eq!(&out[..], b"abcd");
        assert!(!outbox.is_filled() && !outbox.poll_filled(&waker));
    }

    #[tokio::test]
    async fn senders_wait_for_room_above_the_soft_limit() {
        let outbox = Arc::new(Outbox::new(3, 8));
        outbox.send(write(b"abcd")).await.unwrap();
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.send(write(b"ef")).await }
        });
        tokio::task::yield_now().await;
        outbox.try_send(write(b"ghijk")).unwrap();
        assert!(matches!(outbox.try_send(write(b"l")), Err(Error::Overloaded)));
        assert!(!waiting.is_finished());

        let mut out = BytesMut::new();
        outbox.drain_into(&mut out);
        outbox.written(out.len());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "it was taken, not written");
        outbox.written(0);
        waiting.await.unwrap().unwrap();
        out.clear();
        outbox.drain_into(&mut out);
        assert_eq!(&out[..], b"ef");
    }

    #[tokio::test]
    async fn closing_tells_those_who_wait() {
        let outbox = Arc::new(Outbox::new(0, 8));
        outbox.send(write(b"a")).await.unwrap();
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.send(write(b"b")).await }
        });
        tokio::task::yield_now().await;
        outbox.close();
        assert!(matches!(waiting.await.unwrap(), Err(Error::Closed)));
        let mut out = BytesMut::new();
        outbox.drain_into(&mut out);
        assert_eq!(&out[..], b"a", "what was taken is still written");
    }
}
