//! Traces that cross the wire: W3C Trace Context in a call's metadata.

mod context;
mod state;
mod traces;

pub use self::context::TraceContext;
pub use self::traces::Traces;
