//! The functions of a server over HTTP, so that browsers and whatever else speaks HTTP can call them.
//!
//! - [`Gateway`]: a server's functions as an axum router, or served by itself.
//! - [`Listening`]: a gateway that is bound to a place.
//! - [`PROTOCOL`]: where the protocol itself is spoken, over a WebSocket.
//!
//! The chapter [HTTP gateway](crate::guide::gateway) tells what stands on the wire.

mod asked;
mod body;
mod call;
mod channel;
mod door;
#[allow(clippy::module_inception, reason = "the layer is named after its noun")]
mod gateway;
mod items;
mod origin;
mod page;
mod refused;
mod serve;
mod settings;
mod stall;
mod tunnel;
mod who;

pub use door::PROTOCOL;
pub use gateway::Gateway;
pub use serve::Listening;
