//! Bytes to frames and frames to fields: pure, no I/O, no tokio.
//!
//! - [`Framing`]: where a frame begins and ends (protocol V2).
//! - [`Index`]: one pass over a payload that checks it whole and notes where its top-level fields lie.
//! - [`View`] and [`Value`]: the fields of an indexed payload, read in place.
//! - [`check_value`] and [`decode_value`]: payloads that are any single value.
//! - [`encode`] and [`transcode`]: values to payloads, payloads from one encoding to the other.
//! - [`v3`]: the frames of protocol V3.
//! - `compress` and `decompress` (feature `zstd`): payloads made smaller, and back within a limit.
//! - [`write_json_string`] and its like: single values, for code that writes a payload by hand.

#[doc(hidden)]
pub mod __fuzz;
mod any;
#[cfg(feature = "zstd")]
mod compress;
mod elements;
mod encoding;
mod error;
mod fault;
mod framing;
mod hash;
mod header;
mod index;
mod json;
mod serialize;
mod source;
#[cfg(test)]
mod tests;
mod transcode;
pub mod v3;
mod value;
mod view;
mod write;
mod ziproto;

pub use any::{check_value, decode_value};
#[cfg(feature = "zstd")]
pub use compress::{DecompressError, compress, decompress};
pub use elements::{Elements, Entries};
pub use encoding::Encoding;
pub use error::{DecodeError, EncodeError};
pub use framing::{Frame, FrameError, Framing};
pub use header::{ByteOrder, HeaderSize, InvalidSetting};
pub use index::{Index, PayloadError, PayloadLimits};
pub use json::{write_json_f64, write_json_i64, write_json_string, write_json_u64};
pub use transcode::transcode;
pub use value::{Kind, Value};
pub use view::View;
pub use write::{encode, encode_map};
pub use ziproto::{
    write_ziproto_bin, write_ziproto_bool, write_ziproto_f64, write_ziproto_i64, write_ziproto_list_header,
    write_ziproto_map_header, write_ziproto_nil, write_ziproto_str, write_ziproto_u64,
};
