use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::warn;

use super::Connection;
use super::calls::Opened;
use super::scratch::Scratch;
use crate::error::Code;
use crate::mux::{Credit, Key};
use crate::wire::Encoding;
use crate::wire::v3::Metadata;

/// A call that waits for its turn.
pub(super) struct Queued {
    pub(super) id: u32,
    pub(super) function: usize,
    pub(super) encoding: Encoding,
    pub(super) payload: Bytes,
    pub(super) metadata: Metadata,
    pub(super) deadline: Option<Instant>,
    /// Whether the caller has said that it sends no items.
    pub(super) ended: bool,
    /// The stream, where items may come before the turn.
    pub(super) key: Option<Key>,
    pub(super) credit: Credit,
    /// How long it may wait.
    pub(super) until: Instant,
}

/// The wait for a permit, for the first in the queue.
#[derive(Default)]
pub(super) struct Turn {
    acquire: Option<Acquire>,
    permit: Option<OwnedSemaphorePermit>,
}

type Acquire = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

impl Connection {
    /// Whether a call that comes now must wait for its turn.
    pub(super) fn must_wait(&self) -> bool {
        !self.queue.is_empty()
            || self.running.len() >= self.serving.settings.calls
            || self.output.len() > self.serving.settings.output_soft
            || self.serving.permits.available_permits() == 0
    }

    /// Starts the calls whose turn it is.
    pub(super) fn serve_queue(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) {
        while !self.queue.is_empty() {
            if self.running.len() >= self.serving.settings.calls
                || self.output.len() > self.serving.settings.output_soft
                || self.turn.poll(context, &self.serving.permits).is_pending()
            {
                return;
            }
            let Some(queued) = self.queue.pop_front() else { return };
            let permit = self.turn.permit.take();
            self.context.metadata = queued.metadata;
            let Queued { id, function, encoding, payload, deadline, ended, key, credit, .. } = queued;
            let opened = Opened { id, function, encoding, payload: &payload, deadline, ended, key, credit };
            self.start(&opened, permit, scratch);
            self.consume(payload.len());
        }
        self.turn = Turn::default();
    }

    /// A call has waited too long for its turn.
    pub(super) fn turn_away(&mut self, queued: Queued) {
        self.consume(queued.payload.len());
        self.forget(queued.key);
        warn!(part = "API Parser", code = %Code::Overloaded, "A call was turned away");
        self.decline(Some(queued.function), queued.id, queued.encoding, &Code::Overloaded, None);
    }
}

impl Turn {
    /// Ready when a call may run.
    fn poll(&mut self, context: &mut Context<'_>, permits: &Arc<Semaphore>) -> Poll<()> {
        if self.permit.is_some() {
            return Poll::Ready(());
        }
        let acquire = self.acquire.get_or_insert_with(|| Box::pin(permits.clone().acquire_owned()));
        match acquire.as_mut().poll(context) {
            Poll::Ready(permit) => {
                self.permit = permit.ok();
                self.acquire = None;
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
