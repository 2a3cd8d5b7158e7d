//! Frames of protocol V3: many streams on one connection. Pure, no I/O, and no state: which frame may follow which is
//! for the layer above to know.
//!
//! - [`Frame`], [`FrameKind`], [`Flags`], [`Fields`]: a frame at the front of the input, by
//!   [`Framing::decode_v3`](super::Framing::decode_v3).
//! - [`OpenHeader`], [`ItemHeader`], [`ErrorHeader`]: frames to write, by
//!   [`Framing::encode_open`](super::Framing::encode_open) and its like.
//! - [`Metadata`]: what stands in a head.
//! - [`Hello`], [`GoAway`]: the payloads of the frames that have a form of their own.

mod control;
mod error;
mod frame;
#[doc(hidden)]
pub mod fuzz;
mod goaway;
mod hello;
mod kind;
mod metadata;
mod target;
mod write;

pub use control::ControlError;
pub use error::FrameError;
pub use frame::{Fields, Frame};
pub use goaway::GoAway;
pub use hello::{Credentials, Hello, PeerLimits, SealOffer};
pub use kind::{Flags, FrameKind};
pub use metadata::{Metadata, MetadataError, MetadataValue};
pub use write::{ErrorHeader, ItemHeader, OpenHeader};

pub(super) use frame::{PREFIX, SHORTEST, read};

/// The version byte of protocol V3.
pub const VERSION: u8 = frame::VERSION;
