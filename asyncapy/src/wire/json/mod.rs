//! JSON (RFC 8259): scanning, the text of strings, writing.

mod scan;
mod string;
mod write;

pub(super) use scan::{Scanner, check, scan};
pub(super) use string::{equals, short_text, unescape};
pub(super) use write::Compact;
pub use write::{write_json_f64, write_json_i64, write_json_string, write_json_u64};
