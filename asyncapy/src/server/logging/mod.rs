//! The log: lines as AsyncAPY writes them, from `tracing` events.

mod settings;

pub use settings::{LogLevel, LogSettings, UnknownLevel};
