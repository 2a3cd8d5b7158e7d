//! What the macros' output calls. Not for other eyes: it may change with any release.

// Derived packets and failures.
pub use crate::error::Rejection;
#[cfg(feature = "spec")]
pub use crate::packet::PacketSchema;
pub use crate::packet::derived::*;
pub use crate::packet::{EncodePacket, Field, FieldKind, TypedPacket};
pub use crate::wire::{EncodeError, Encoding, View, encode};
pub use bytes::BytesMut;
#[cfg(feature = "spec")]
pub use schemars;
pub use serde;
pub use std::borrow::Cow;
pub use std::format;
pub use std::string::{String, ToString};

/// The code that stands on the wire as `text`: one of ours, or else the application's own.
pub fn code(text: &'static str) -> crate::Code {
    match crate::Code::from(text) {
        crate::Code::Custom(_) => crate::Code::custom(text),
        known => known,
    }
}
