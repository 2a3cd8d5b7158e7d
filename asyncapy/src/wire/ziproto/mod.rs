//! ZiProto: MessagePack less its ext types.

mod deserialize;
mod scan;
mod token;
mod write;

pub(super) use deserialize::deserialize;
pub(super) use scan::{Level, check, key_text, scan, skip};
pub(super) use token::{Token, read};
pub(super) use write::{Smallest, too_wide};
pub use write::{
    write_ziproto_bin, write_ziproto_bool, write_ziproto_f64, write_ziproto_i64, write_ziproto_list_header,
    write_ziproto_map_header, write_ziproto_nil, write_ziproto_str, write_ziproto_u64,
};
