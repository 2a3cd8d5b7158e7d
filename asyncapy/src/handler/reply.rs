use std::fmt;

use bytes::BytesMut;

use super::captured::Captured;
use super::error_packet;
use super::outbox::Outbox;
use super::session::Core;
use crate::error::{Code, Failure};
use crate::packet::{EncodePacket, Packet};
use crate::wire::{EncodeError, Encoding, Framing};

/// Where a handler's replies are written: the connection's own buffer.
pub struct Reply<'a> {
    out: &'a mut BytesMut,
    framing: Framing,
    encoding: Encoding,
    /// What the handler has sent by `client.send`: it goes before what it returns.
    outbox: &'a Outbox,
    /// The length of `out` behind which only the reply in the making stands.
    whole: usize,
    /// Where the reply is put instead, where middleware wants to see it.
    captured: Option<&'a mut Captured>,
}

/// What becomes of a packet after a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next group sees it.
    Continue,
    /// No further group sees it.
    Stop,
    /// The connection closes once everything has been written.
    Close,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(
        out: &'a mut BytesMut,
        framing: Framing,
        encoding: Encoding,
        outbox: &'a Outbox,
    ) -> Self {
        let whole = out.len();
        Self { out, framing, encoding, outbox, whole, captured: None }
    }

    /// What is needed to write elsewhere what would be written here.
    pub(super) fn template(&self) -> Template {
        Template { framing: self.framing, encoding: self.encoding }
    }

    /// Puts what the handler has sent so far in front of what comes now.
    fn catch_up(&mut self) {
        self.outbox.drain_into(self.out);
        self.whole = self.out.len();
    }

    /// Takes back what a panic has left of a reply.
    pub(crate) fn recover(&mut self) {
        self.out.truncate(self.whole);
    }

    /// Writes a packet. One that cannot be written is logged, and the client reads `ERR_HANDLER_FAILED`.
    pub fn packet(&mut self, packet: &impl EncodePacket) -> Flow {
        if let Some(captured) = &mut self.captured {
            return match captured.packet(packet, self.encoding) {
                Ok(()) => Flow::Continue,
                Err(error) => self.unwritten(&error),
            };
        }
        self.catch_up();
        let encoding = self.encoding;
        let written = self.framing.encode(encoding, self.out, |out| packet.encode_packet(encoding, out));
        match written {
            Ok(()) => Flow::Continue,
            Err(error) => self.unwritten(&error),
        }
    }

    fn unwritten(&mut self, error: &EncodeError) -> Flow {
        tracing::error!(part = "Response handler", %error, "A reply could not be written");
        self.failure(&Code::HandlerFailed)
    }

    /// Writes an error packet; no further group sees the packet that failed.
    pub fn failure(&mut self, failure: &(impl Failure + ?Sized)) -> Flow {
        if let Some(cause) = failure.cause() {
            tracing::error!(part = "Response handler", cause = ?cause, "A handler failed");
        }
        if let Some(captured) = &mut self.captured {
            captured.failure(failure, self.encoding);
            return Flow::Stop;
        }
        self.catch_up();
        error_packet::write(failure, self.framing, self.encoding, self.out);
        Flow::Stop
    }
}

/// How a reply is written, wherever it is put.
#[derive(Clone, Copy)]
pub(super) struct Template {
    framing: Framing,
    encoding: Encoding,
}

impl Template {
    /// A reply that goes to `captured`, and nothing of it to `out`.
    pub(super) fn capturing<'a>(
        self,
        core: &'a Core,
        out: &'a mut BytesMut,
        captured: &'a mut Captured,
    ) -> Reply<'a> {
        let Self { framing, encoding } = self;
        Reply { captured: Some(captured), ..Reply::new(out, framing, encoding, &core.outbox) }
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

/// What a handler can return.
///
/// - nothing: `()`, or `None`;
/// - a packet: a typed packet, a [`Packet`](struct@crate::Packet), a [`json!`](crate::json) map;
/// - `Result<T, E>`, where `E` is a [`Failure`]: its error packet, and no further group sees the packet;
/// - [`Stop`] or [`Close`], alone or after a reply: `(reply, Stop)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reply",
    label = "a handler cannot return this",
    note = "a handler may return `()`, a `#[derive(Packet)]` type, `Packet`, a `json!` map, an `Option` of one, \
            `Result<T, E>` where `E: Failure`, `Stop`, `Close`, or `(reply, Stop)`"
)]
pub trait IntoReply {
    /// Writes the reply and says what becomes of the packet.
    fn into_reply(self, reply: &mut Reply<'_>) -> Flow;
}

/// Each packet type is a reply by an impl of its own (typed packets by their derive), not by one for all that can be
/// encoded: so the compiler can say of a `Result<T, E>` which of the two is no reply.
macro_rules! packets {
    ($($packet:ty),*) => {
        $(impl IntoReply for $packet {
            fn into_reply(self, reply: &mut Reply<'_>) -> Flow {
                reply.packet(&self)
            }
        })*
    };
}

packets!(Packet, serde_json::Value, serde_json::Map<String, serde_json::Value>);

impl IntoReply for () {
    fn into_reply(self, _: &mut Reply<'_>) -> Flow {
        Flow::Continue
    }
}

impl<R: IntoReply> IntoReply for Option<R> {
    fn into_reply(self, reply: &mut Reply<'_>) -> Flow {
        self.map_or(Flow::Continue, |value| value.into_reply(reply))
    }
}

impl<R: IntoReply, E: Failure> IntoReply for Result<R, E> {
    fn into_reply(self, reply: &mut Reply<'_>) -> Flow {
        match self {
            Ok(value) => value.into_reply(reply),
            Err(failure) => reply.failure(&failure),
        }
    }
}

/// A reply that keeps the packet from the groups that come next.
///
/// ```
/// use asyncapy::prelude::*;
///
/// #[handler(group = -1)]
/// async fn maintenance() -> (serde_json::Value, Stop) {
///     (json!({"status": "maintenance"}), Stop)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stop;

/// A reply that closes the connection once everything has been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Close;

impl IntoReply for Stop {
    fn into_reply(self, _: &mut Reply<'_>) -> Flow {
        Flow::Stop
    }
}

impl IntoReply for Close {
    fn into_reply(self, _: &mut Reply<'_>) -> Flow {
        Flow::Close
    }
}

impl<R: IntoReply> IntoReply for (R, Stop) {
    fn into_reply(self, reply: &mut Reply<'_>) -> Flow {
        match self.0.into_reply(reply) {
            Flow::Close => Flow::Close,
            Flow::Continue | Flow::Stop => Flow::Stop,
        }
    }
}

impl<R: IntoReply> IntoReply for (R, Close) {
    fn into_reply(self, reply: &mut Reply<'_>) -> Flow {
        self.0.into_reply(reply);
        Flow::Close
    }
}
