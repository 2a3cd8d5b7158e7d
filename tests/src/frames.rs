//! Frames of protocol V2, written and read without the library.

use serde_json::{Map, Number, Value};

/// Content-Encoding 0.
pub const JSON: u8 = 0;
/// Content-Encoding 1.
pub const ZIPROTO: u8 = 1;

/// A frame with the standard header: 4 bytes, big.
pub fn frame(encoding: u8, payload: &[u8]) -> Vec<u8> {
    frame_as(4, true, encoding, payload)
}

/// A frame whose Content-Length has `header` bytes, the most significant first if `big`.
pub fn frame_as(header: usize, big: bool, encoding: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64 + 2;
    let mut bytes = if big {
        length.to_be_bytes()[8 - header..].to_vec()
    } else {
        length.to_le_bytes()[..header].to_vec()
    };
    bytes.extend([22, encoding]);
    bytes.extend(payload);
    bytes
}

/// The payload of an error packet without message or field, byte for byte as protocol V2, rule 3 fixes it.
pub fn error_text(encoding: u8, code: &str) -> Vec<u8> {
    if encoding == JSON {
        return format!(r#"{{"status": "failure", "error": "{code}"}}"#).into_bytes();
    }
    let mut bytes = vec![0x82];
    for text in ["status", "failure", "error", code] {
        assert!(text.len() < 32, "the short form of a string");
        bytes.push(0xa0 | u8::try_from(text.len()).unwrap_or(0));
        bytes.extend(text.bytes());
    }
    bytes
}

/// A payload's value. Keys that are no strings are their JSON text, `bin` is a list of numbers.
///
/// # Panics
/// If the payload cannot be read.
pub fn decode(encoding: u8, payload: &[u8]) -> Value {
    if encoding == JSON {
        return serde_json::from_slice(payload)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(payload)));
    }
    let mut rest = payload;
    let value = message_pack(&mut rest).unwrap_or_else(|| panic!("no MessagePack: {}", hex(payload)));
    assert!(rest.is_empty(), "bytes are left behind the payload: {}", hex(rest));
    value
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn unsigned(rest: &mut &[u8], length: usize) -> Option<u64> {
    Some(take(rest, length)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn signed(rest: &mut &[u8], length: usize) -> Option<Value> {
    let shift = 64 - 8 * length;
    Some(((unsigned(rest, length)? << shift).cast_signed() >> shift).into())
}

fn message_pack(rest: &mut &[u8]) -> Option<Value> {
    let first = unsigned(rest, 1)?;
    let float = |number: f64| Number::from_f64(number).map(Value::Number);
    match first {
        0x00..=0x7f => Some(first.into()),
        0x80..=0x8f => map(rest, first & 0xf),
        0x90..=0x9f => list(rest, first & 0xf),
        0xa0..=0xbf => text(rest, first & 0x1f),
        0xc0 => Some(Value::Null),
        0xc2 | 0xc3 => Some((first == 0xc3).into()),
        0xc4..=0xc6 => {
            let length = unsigned(rest, 1 << (first - 0xc4))?;
            Some(take(rest, usize::try_from(length).ok()?)?.to_vec().into())
        }
        0xca => float(f32::from_bits(u32::try_from(unsigned(rest, 4)?).ok()?).into()),
        0xcb => float(f64::from_bits(unsigned(rest, 8)?)),
        0xcc..=0xcf => Some(unsigned(rest, 1 << (first - 0xcc))?.into()),
        0xd0..=0xd3 => signed(rest, 1 << (first - 0xd0)),
        0xd9..=0xdb => unsigned(rest, 1 << (first - 0xd9)).and_then(|length| text(rest, length)),
        0xdc | 0xdd => unsigned(rest, 2 << (first - 0xdc)).and_then(|length| list(rest, length)),
        0xde | 0xdf => unsigned(rest, 2 << (first - 0xde)).and_then(|length| map(rest, length)),
        0xe0..=0xff => Some((first.cast_signed() - 0x100).into()),
        _ => None,
    }
}

fn text(rest: &mut &[u8], length: u64) -> Option<Value> {
    std::str::from_utf8(take(rest, usize::try_from(length).ok()?)?).ok().map(Value::from)
}

fn list(rest: &mut &[u8], length: u64) -> Option<Value> {
    (0..length).map(|_| message_pack(rest)).collect()
}

fn map(rest: &mut &[u8], length: u64) -> Option<Value> {
    let mut entries = Map::new();
    for _ in 0..length {
        let key = match message_pack(rest)? {
            Value::String(key) => key,
            other => other.to_string(),
        };
        entries.insert(key, message_pack(rest)?);
    }
    Some(entries.into())
}
