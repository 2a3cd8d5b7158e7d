//! Layer `packet`.

mod typed;

#[cfg(feature = "spec")]
pub use typed::PacketSchema;
#[doc(hidden)]
pub use typed::derived;
pub use typed::{EncodePacket, Field, FieldKind, TypedPacket};
