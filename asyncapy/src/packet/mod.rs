//! A packet: its bytes and a lazy index of its fields; typed packets.

mod origin;
#[allow(clippy::module_inception, reason = "the layer is named after its noun")]
mod packet;
mod typed;

pub use origin::Origin;
pub use packet::{Iter, Packet};
#[cfg(feature = "spec")]
pub use typed::PacketSchema;
#[doc(hidden)]
pub use typed::derived;
pub use typed::{EncodePacket, Field, FieldKind, TypedPacket};
