use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep_until};

use super::server::Server;
use crate::rpc::{CallOptions, CallRequest, Choice};

/// What is remembered of a call that did not go well at once.
#[derive(Default)]
pub(super) struct Attempt {
    /// Where it has failed: it goes there again only if there is nowhere else.
    failed: Vec<Arc<Server>>,
    /// Set while there is nowhere to go.
    waiting: Option<Waiting>,
}

/// A call that waits for a server to be reached.
struct Waiting {
    arrived: Pin<Box<OwnedNotified>>,
    until: Pin<Box<Sleep>>,
    _place: Place,
}

/// How a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// A server may have been reached.
    News,
    /// It has taken too long.
    Late,
    /// As many calls wait as may.
    Full,
}

/// A place among the calls that wait.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where calls wait for any server to be reached.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    pub(super) arrived: Arc<Notify>,
    waiting: Arc<AtomicUsize>,
    most: usize,
}

impl WaitingRoom {
    pub(super) fn new(arrived: Arc<Notify>, most: usize) -> Self {
        Self { arrived, waiting: Arc::default(), most }
    }

    fn enter(&self) -> Option<Place> {
        let more = |waiting: usize| (waiting < self.most).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Place(self.waiting.clone()))
    }
}

impl Attempt {
    /// What a call remembers, if it remembers anything.
    pub(super) fn of(choice: &Choice) -> Option<&Self> {
        choice.state.as_ref()?.downcast_ref()
    }

    pub(super) fn enter(choice: &mut Choice) -> &mut Self {
        let state = choice.state.get_or_insert_with(|| Box::new(Self::default()));
        if !state.is::<Self>() {
            *state = Box::new(Self::default());
        }
        match state.downcast_mut() {
            Some(attempt) => attempt,
            None => unreachable!("it is one by now"),
        }
    }

    pub(super) fn fail(&mut self, server: &Arc<Server>) {
        self.failed.push(server.clone());
    }

    pub(super) fn has_failed_at(&self, server: &Server) -> bool {
        self.failed.iter().any(|failed| std::ptr::eq(&**failed, server))
    }

    pub(super) fn found(&mut self) {
        self.waiting = None;
    }

    /// Waits for news of the servers.
    pub(super) fn poll_wait(
        &mut self,
        context: &mut Context<'_>,
        room: &WaitingRoom,
        until: impl FnOnce() -> Instant,
    ) -> Poll<Waited> {
        let waiting = match &mut self.waiting {
            Some(waiting) => waiting,
            none => {
                let Some(place) = room.enter() else { return Poll::Ready(Waited::Full) };
                let arrived = Box::pin(room.arrived.clone().notified_owned());
                let waiting = Waiting { arrived, until: Box::pin(sleep_until(until())), _place: place };
                // From here on nothing is missed: one more look decides whether there is anything to wait for.
                none.insert(waiting).arrived.as_mut().enable();
                return Poll::Ready(Waited::News);
            }
        };
        if waiting.arrived.as_mut().poll(context).is_ready() {
            waiting.arrived.set(room.arrived.clone().notified_owned());
            waiting.arrived.as_mut().enable();
            return Poll::Ready(Waited::News);
        }
        waiting.until.as_mut().poll(context).map(|()| Waited::Late)
    }
}

/// Until when a call may take, as far as it says so itself.
pub(super) fn limit(request: &CallRequest<'_>, now: Instant) -> Option<Instant> {
    let CallOptions { timeout, deadline, .. } = *request.options;
    // The timeout runs from the first attempt; before that it begins now.
    let by_timeout = request.deadline.or_else(|| now.checked_add(timeout?));
    [by_timeout, deadline].into_iter().flatten().min()
}
