//! Layer `server`.

#[cfg(feature = "config")]
pub mod config;
mod limits;
pub mod logging;
mod settings;

pub use limits::Limits;
pub use settings::{Settings, TlsSettings};
