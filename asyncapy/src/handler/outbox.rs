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
    pub(crate) fn drain_into(&self, out: &mut BytesMut) {
        if !self.is_filled() {
            return;
        }
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
