//! Bytes to frames and frames to fields: pure, no I/O, no tokio.
//!
//! - [`Framing`]: where a frame begins and ends (protocol V2).
//! - [`Index`]: one pass over a payload that checks it whole and notes where its top-level fields lie.
//! - [`View`] and [`Value`]: the fields of an indexed payload, read in place.
//! - [`encode`] and [`transcode`]: values to payloads, payloads from one encoding to the other.

mod encoding;
mod framing;
mod index;
mod transcode;
mod value;
mod view;
mod write;

pub use encoding::Encoding;
pub use framing::{ByteOrder, Frame, FrameError, Framing, HeaderSize};
pub use index::{Index, PayloadError, PayloadLimits};
pub use transcode::transcode;
pub use value::{Kind, Value};
pub use view::View;
pub use write::{EncodeError, encode};
