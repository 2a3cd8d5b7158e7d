//! The log: lines as AsyncAPY writes them, from `tracing` events.
//!
//! ```text
//! [DEBUG] 10/02/2020 16:39:35 PM (7fd5fab0-5393-44ec-a75d-fa4f2c7e4562) {Client handler} Expected stream length is 11
//! ```
//!
//! Any `tracing` subscriber shows what the server says; this one (feature `logging`) shows it in this form. The
//! convention between the two: a session runs in a span named `session` with the field `id`; an event names the part of
//! the server that speaks in the field `part`. Other fields follow the message as `name=value`.
//!
//! No text that a client sent can forge a line: control characters and marks that turn the direction of writing are
//! escaped, in every string of every event.

#[cfg(feature = "logging")]
mod escape;
#[cfg(feature = "logging")]
mod init;
#[cfg(feature = "logging")]
mod layer;
#[cfg(feature = "logging")]
mod line;
mod settings;
#[cfg(any(feature = "config", feature = "logging"))]
pub(crate) mod template;

#[cfg(feature = "cli")]
pub(crate) use init::init_to;
#[cfg(feature = "logging")]
pub use init::{init, layer, subscriber};
#[cfg(feature = "logging")]
pub use layer::LogLayer;
pub use settings::{LogLevel, LogSettings, UnknownLevel};
