use std::cell::{Cell, OnceCell};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Peer, Place};
use crate::error::{Code, Rejection};
use crate::handler::{Extract, Request};
use crate::mux::{Handle, Key, Mux};
use crate::wire::Encoding;
use crate::wire::v3::Metadata;

/// What the extractors of a call take from, besides its arguments. A connection has one and fills it in for each call.
pub(crate) struct CallContext {
    pub(crate) peer: Peer,
    pub(crate) stream: u32,
    pub(crate) encoding: Encoding,
    pub(crate) metadata: Metadata,
    pub(crate) deadline: Option<Instant>,
    /// Whether the caller has said that it sends no items.
    pub(crate) ended: bool,
    /// The stream, where items may have come for it before its turn.
    pub(crate) entered: Cell<Option<Key>>,
    /// The stream, once a channel was made of it.
    pub(crate) channel: Cell<Option<Key>>,
    /// Our end of it, where it was entered before the function begins.
    pub(crate) handle: Cell<Option<Handle>>,
    /// Made when somebody asks.
    pub(crate) cancelled: OnceCell<Cancelled>,
}

impl CallContext {
    pub(crate) fn mux(&self) -> &Arc<Mux> {
        self.peer.mux()
    }

    /// Our end of the stream, entered where it is not yet.
    pub(crate) fn enter(&self) -> Handle {
        if let Some(handle) = self.handle.take() {
            return handle;
        }
        // Where the call has waited for its turn, items may have come before it.
        let known = self.channel.get().or_else(|| self.entered.take());
        let key = known.unwrap_or_else(|| self.mux().accept(self.stream, self.ended));
        self.channel.set(Some(key));
        Handle::new(self.mux().clone(), key)
    }
}

fn of<'a>(request: &Request<'a>) -> Result<&'a CallContext, Rejection> {
    request.call().ok_or_else(|| {
        // A handler of packets has asked for something that only a call has.
        tracing::error!(part = "API Parser", "An argument can only be had from a call, not from a packet");
        Rejection::new(Code::HandlerFailed)
    })
}

/// The caller's own end of the connection: an extractor by which a function calls the functions of its caller.
impl Extract for Peer {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(of(request)?.peer.clone())
    }
}

/// What the caller has sent along with a call: names and values, such as a trace context.
impl Extract for Metadata {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(of(request)?.metadata.clone())
    }
}

/// Until when the caller waits. An extractor.
///
/// What the call does in turn can be given the same limit: [`Call::deadline`](super::Call::deadline).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment, if there is one.
    pub fn instant(self) -> Option<Instant> {
        self.0
    }

    /// The time that is left, if there is a limit.
    pub fn left(self) -> Option<Duration> {
        Some(self.0?.saturating_duration_since(Instant::now()))
    }
}

impl Extract for Deadline {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(Self(of(request)?.deadline))
    }
}

/// Tells whether the call was given up: by the caller, by its deadline, or with its connection. An extractor.
///
/// An async function need not ask: its future is dropped where it waits. It is for what goes on elsewhere: tasks that
/// it has spawned, code on the blocking pool.
#[derive(Clone)]
pub struct Cancelled(Arc<Cancellation>);

#[derive(Default)]
struct Cancellation {
    done: AtomicBool,
    told: Notify,
}

impl Cancelled {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn cancel(&self) {
        self.0.done.store(true, Ordering::Release);
        self.0.told.notify_waiters();
    }

    /// Whether the call was given up.
    pub fn is_cancelled(&self) -> bool {
        self.0.done.load(Ordering::Acquire)
    }

    /// Waits until the call is given up; for ever if it never is.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        let state = self.0.clone();
        async move {
            loop {
                let mut told = std::pin::pin!(state.told.notified());
                told.as_mut().enable();
                if state.done.load(Ordering::Acquire) {
                    return;
                }
                told.await;
            }
        }
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancelled").field(&self.is_cancelled()).finish()
    }
}

impl Extract for Cancelled {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(of(request)?.cancelled.get_or_init(Cancelled::new).clone())
    }
}

/// Whether a client may call a private function.
pub(crate) fn admits(places: &[Place], client: &crate::handler::Client) -> bool {
    places.iter().any(|place| place.admits(client))
}

/// The context of a request, for the channels.
pub(super) fn call_of<'a>(request: &Request<'a>) -> Result<&'a CallContext, Rejection> {
    of(request)
}
