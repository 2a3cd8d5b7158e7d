use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::{Peer, Status};
use crate::error::Code;
use crate::mux::{Handle, Intake, Open, Outcome, Taken, Ticket};
use crate::wire::v3::{self, Metadata};
use crate::wire::{EncodeError, Encoding};

/// A call whose payloads are passed on as they are: for what stands between this protocol and another. Dropped before
/// its end, it is cancelled.
#[derive(Debug)]
pub(crate) struct Relay {
    handle: Handle,
    /// One at a time takes items; the lock is for the compiler, who does not know.
    intake: Mutex<Intake>,
    peer: Peer,
}

/// An item or a result, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// None: raw bytes.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) payload: Bytes,
}

/// What is known of a relayed call before it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelayedCall<'a> {
    /// The function's full name.
    pub(crate) target: &'a str,
    /// The arguments, in the peer's encoding.
    pub(crate) arguments: &'a [u8],
    /// Until when its caller waits.
    pub(crate) deadline: Option<Instant>,
    pub(crate) metadata: &'a Metadata,
    /// Whether no items follow.
    pub(crate) ends: bool,
}

impl Relay {
    /// Makes the call.
    pub(crate) async fn open(peer: &Peer, call: RelayedCall<'_>) -> Result<Self, Status> {
        let mut ticket = None;
        poll_fn(|context| {
            let handle = ready!(poll_open(peer, context, &call, &mut ticket))?;
            let intake = Mutex::new(Intake::new(&handle));
            Poll::Ready(Ok(Self { handle, intake, peer: peer.clone() }))
        })
        .await
    }

    /// The next item; none once the other side sends no more.
    pub(crate) fn poll_item(&self, context: &Context<'_>) -> Poll<Option<Item>> {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        intake.poll_next(context).map(|item| item.map(Item::from))
    }

    /// The next item; none once the other side sends no more.
    pub(crate) async fn item(&self) -> Option<Item> {
        poll_fn(|context| self.poll_item(context)).await
    }

    /// Sends an item in the peer's encoding, or as raw bytes, once there is room for it; false if nothing more is
    /// taken.
    pub(crate) async fn send(&self, payload: &[u8], raw: bool) -> Result<bool, Status> {
        let mut frame = BytesMut::new();
        let encoding = (!raw).then(|| self.peer.encoding());
        let header = v3::ItemHeader { encoding, ..v3::ItemHeader::default() };
        self.peer
            .mux()
            .outgoing()
            .encode_item(&mut frame, &header, |out| {
                out.extend_from_slice(payload);
                Ok::<_, EncodeError>(())
            })
            .map_err(too_large)?;
        Ok(poll_fn(|context| self.handle.poll_send(context, &mut frame, payload.len())).await)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        self.handle.finish();
    }

    /// The result, once there is one, in the peer's encoding or as raw bytes.
    pub(crate) async fn result(&mut self) -> Result<Item, Status> {
        let mut buffer = Vec::new();
        match poll_fn(|context| self.handle.poll_outcome(context, &mut buffer)).await {
            Outcome::Result(encoding) => Ok(Item { encoding, payload: Bytes::from(buffer) }),
            outcome => Err(Status::of(outcome)),
        }
    }

    /// How a stream of items has ended, after its last.
    pub(crate) fn end(&self) -> Result<Option<Item>, Status> {
        match self.handle.outcome() {
            Some((Outcome::Result(encoding), payload)) => {
                Ok(Some(Item { encoding, payload: Bytes::from(payload) }))
            }
            Some((Outcome::Empty, _)) | None => Ok(None),
            Some((outcome, _)) => Err(Status::of(outcome)),
        }
    }

    /// Waits until the call has ended, whatever items are left.
    pub(crate) async fn ended(&self) -> Result<Option<Item>, Status> {
        self.handle.ended().await;
        self.end()
    }
}

fn poll_open(
    peer: &Peer,
    context: &Context<'_>,
    call: &RelayedCall<'_>,
    ticket: &mut Option<Ticket>,
) -> Poll<Result<Handle, Status>> {
    let left = call.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    if left.is_some_and(|left| left.is_zero()) {
        return Poll::Ready(Err(Status::new(Code::DeadlineExceeded).not_run()));
    }
    if call.target.is_empty() || call.target.len() > usize::from(u8::MAX) {
        return Poll::Ready(Err(Status::new(Code::FunctionUnknown).not_run()));
    }
    let mut frame = BytesMut::new();
    let header = v3::OpenHeader {
        encoding: Some(peer.encoding()),
        flags: v3::Flags::NONE.with(v3::Flags::END, call.ends),
        // Rounded up, so that a server never gives up before its caller.
        deadline: left.map(milliseconds),
        metadata: Some(call.metadata),
        ..v3::OpenHeader::default()
    };
    let written = peer.mux().outgoing().encode_open(&mut frame, &header, |out| {
        out.extend_from_slice(call.arguments);
        Ok::<_, EncodeError>(())
    });
    if let Err(error) = written {
        return Poll::Ready(Err(too_large(error)));
    }
    let open = Open {
        target: call.target,
        deadline: call.deadline,
        payload: call.arguments.len(),
        ended: call.ends,
        awaits: false,
    };
    match ready!(peer.mux().poll_open(context, &mut frame, open, ticket)) {
        Ok(key) => Poll::Ready(Ok(Handle::new(peer.mux().clone(), key))),
        Err(outcome) => Poll::Ready(Err(Status::of(outcome))),
    }
}

fn milliseconds(left: Duration) -> u32 {
    u32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// Bytes that are passed on as they are can only be too many.
#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` asks for")]
fn too_large(error: EncodeError) -> Status {
    Status::new(Code::PacketTooLarge).message(error.to_string()).not_run()
}

impl From<Taken<'_>> for Item {
    fn from(taken: Taken<'_>) -> Self {
        Self { encoding: taken.encoding, payload: taken.payload.into_bytes() }
    }
}

impl Item {
    /// The item as JSON; none for raw bytes.
    pub(crate) fn json(&self) -> Option<Result<Bytes, EncodeError>> {
        match self.encoding? {
            Encoding::Json => Some(Ok(self.payload.clone())),
            encoding => {
                let mut out = BytesMut::new();
                let written = crate::wire::transcode(&self.payload, encoding, Encoding::Json, &mut out);
                Some(written.map(|()| out.freeze()))
            }
        }
    }
}
