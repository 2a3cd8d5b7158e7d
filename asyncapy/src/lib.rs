//! One annotated async function becomes a typed network API.

#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod dispatch;
pub mod error;
pub mod handler;
pub mod packet;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod prelude;
pub mod security;
pub mod server;
pub mod wire;

// The macros' output names the crate by this path, in the crate itself too.
#[allow(unused_extern_crates, reason = "used by what the macros write in the crate's own tests")]
extern crate self as asyncapy;

pub use asyncapy_macros::{Failure, Packet, handler};
pub use error::{Code, Error, Failure, Rejection, Result};
pub use handler::{Client, Close, Session, State, Stop, Typed, blocking};
pub use packet::Packet;
pub use serde_json::json;
pub use server::Server;
pub use wire::Encoding;
