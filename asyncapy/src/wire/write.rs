use bytes::BytesMut;
use serde::Serialize;

use super::serialize::Serializer;
use super::{EncodeError, Encoding, json, ziproto};

/// Appends `value` to `out`.
///
/// JSON comes out as serde_json writes it, without white space; ZiProto in the fewest bytes, structs as maps of their
/// fields' names. Both are written for human readers in serde's sense, so that a UUID or an address is the same text in
/// either.
///
/// ```
/// use asyncapy::wire::{Encoding, encode};
/// let mut out = bytes::BytesMut::new();
/// encode(&[("test", 1)], Encoding::Json, &mut out).unwrap();
/// assert_eq!(&out[..], br#"[["test",1]]"#);
/// ```
///
/// # Errors
/// The encoding has no form for the value: NaN and infinities in JSON (protocol V2, rule 8), integers beyond 64 bits in
/// ZiProto, in either a map's key that is no string, integer, boolean or character. `out` is then as it was.
pub fn encode<T: Serialize + ?Sized>(
    value: &T,
    encoding: Encoding,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let start = out.len();
    let written = match encoding {
        Encoding::Json => value.serialize(&mut Serializer::<json::Compact>::new(out)),
        Encoding::ZiProto => value.serialize(&mut Serializer::<ziproto::Smallest>::new(out)),
    };
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Appends `value`, which must be written as a map, to `out`: a payload (protocol V2).
///
/// # Errors
/// As [`encode`], or the value is no map. `out` is then as it was.
pub fn encode_map<T: Serialize + ?Sized>(
    value: &T,
    encoding: Encoding,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let start = out.len();
    encode(value, encoding, out)?;
    let map = matches!(
        (encoding, out.get(start)),
        (Encoding::Json, Some(b'{')) | (Encoding::ZiProto, Some(0x80..=0x8f | 0xde | 0xdf))
    );
    if map {
        return Ok(());
    }
    out.truncate(start);
    Err(EncodeError::new("a packet must be a map or a struct with named fields"))
}
