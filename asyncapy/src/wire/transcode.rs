use bytes::{BufMut, BytesMut};

use super::fault::Fault;
use super::index::Limits;
use super::json::{self, Scanner};
use super::source::Source;
use super::ziproto::{self, Token};
use super::{EncodeError, Encoding, Kind, Value};

/// Appends `payload`, which an [`Index`](super::Index) has checked, to `out` in another encoding.
///
/// It streams: no tree of values is built, and nothing recurses. JSON comes out without white space, ZiProto in the
/// fewest bytes, with floats of 64 bits. ZiProto's keys that are no strings become their JSON text (protocol V2, rule
/// 8), its `bin` values lists of numbers. In the same encoding the bytes are copied.
///
/// ```
/// use asyncapy::wire::{Encoding, transcode};
/// let mut out = bytes::BytesMut::new();
/// transcode(b"{\"a\": [1, null]}", Encoding::Json, Encoding::ZiProto, &mut out).unwrap();
/// assert_eq!(&out[..], b"\x81\xa1a\x92\x01\xc0");
/// ```
///
/// # Errors
/// The other encoding has no form for a value: NaN and infinities in JSON, integers beyond 64 bits and floats beyond
/// `f64` in ZiProto. `out` is then as it was.
pub fn transcode(
    payload: &[u8],
    from: Encoding,
    to: Encoding,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let start = out.len();
    let written = match (from, to) {
        (Encoding::Json, Encoding::ZiProto) => json_to_ziproto(payload, out),
        (Encoding::ZiProto, Encoding::Json) => ziproto_to_json(payload, &COMPACT, out),
        (Encoding::Json, Encoding::Json) | (Encoding::ZiProto, Encoding::ZiProto) => {
            out.extend_from_slice(payload);
            Ok(())
        }
    };
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Appends checked bytes as JSON text in Python's style, for people to read.
pub(super) fn write_spaced(bytes: &[u8], encoding: Encoding, out: &mut BytesMut) {
    let start = out.len();
    let written = match encoding {
        Encoding::Json => space_json(bytes, out),
        Encoding::ZiProto => ziproto_to_json(bytes, &SPACED, out),
    };
    // Checked bytes always can be written; of others, nothing is shown rather than half.
    if written.is_err() {
        out.truncate(start);
    }
}

#[cold]
fn unchecked(error: impl std::fmt::Display) -> EncodeError {
    EncodeError::new(format!("the payload was not checked: {error}"))
}

impl From<Fault> for EncodeError {
    fn from(fault: Fault) -> Self {
        unchecked(fault)
    }
}

/// How JSON is set.
struct Style {
    comma: &'static [u8],
    colon: &'static [u8],
    /// Whether NaN and infinities are written as Python does, though JSON has none.
    lenient: bool,
}

const COMPACT: Style = Style { comma: b",", colon: b":", lenient: false };
const SPACED: Style = Style { comma: b", ", colon: b": ", lenient: true };

/// A list or a map that is being written.
struct Level {
    left: u32,
    map: bool,
    fresh: bool,
}

fn ziproto_to_json(bytes: &[u8], style: &Style, out: &mut BytesMut) -> Result<(), EncodeError> {
    let mut at = 0;
    let mut levels: Vec<Level> = Vec::new();
    let token = |at: &mut usize| -> Result<Token<'_>, EncodeError> {
        let (token, next) = ziproto::read(bytes, *at).map_err(unchecked)?;
        *at = next;
        Ok(token)
    };
    loop {
        match token(&mut at)? {
            Token::List(left) => {
                out.put_u8(b'[');
                levels.push(Level { left, map: false, fresh: true });
            }
            Token::Map(left) => {
                out.put_u8(b'{');
                levels.push(Level { left, map: true, fresh: true });
            }
            scalar => write_scalar(scalar, style, out)?,
        }
        loop {
            let Some(level) = levels.last_mut() else { return Ok(()) };
            if level.left == 0 {
                out.put_u8(if level.map { b'}' } else { b']' });
                levels.pop();
                continue;
            }
            level.left -= 1;
            if !std::mem::replace(&mut level.fresh, false) {
                out.extend_from_slice(style.comma);
            }
            if level.map {
                match token(&mut at)? {
                    Token::Text(key) => json::write_json_string(text(key)?, out),
                    key => ziproto::key_text(key, |text| {
                        out.put_u8(b'"');
                        out.extend_from_slice(text);
                        out.put_u8(b'"');
                    }),
                }
                out.extend_from_slice(style.colon);
            }
            break;
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, EncodeError> {
    std::str::from_utf8(bytes).map_err(unchecked)
}

fn write_scalar(token: Token<'_>, style: &Style, out: &mut BytesMut) -> Result<(), EncodeError> {
    match token {
        Token::Nil => out.extend_from_slice(b"null"),
        Token::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Token::Unsigned(number) => json::write_json_u64(number, out),
        Token::Negative(number) => json::write_json_i64(number, out),
        Token::Float(number) if style.lenient && !number.is_finite() => {
            out.extend_from_slice(match number {
                f64::INFINITY => b"Infinity",
                f64::NEG_INFINITY => b"-Infinity",
                _ => b"NaN",
            });
        }
        Token::Float(number) => json::write_json_f64(number, out)?,
        Token::Text(bytes) => json::write_json_string(text(bytes)?, out),
        Token::Bytes(bytes) => {
            out.put_u8(b'[');
            for (position, &byte) in bytes.iter().enumerate() {
                if position > 0 {
                    out.extend_from_slice(style.comma);
                }
                json::write_json_u64(byte.into(), out);
            }
            out.put_u8(b']');
        }
        // The caller has taken lists and maps.
        Token::List(_) | Token::Map(_) => {}
    }
    Ok(())
}

/// JSON with its white space set anew.
fn space_json(bytes: &[u8], out: &mut BytesMut) -> Result<(), EncodeError> {
    let mut scanner = Scanner::new(bytes, 0, Limits::CHECKED);
    while let Some(&byte) = bytes.get(scanner.at) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b',' => out.extend_from_slice(SPACED.comma),
            b':' => out.extend_from_slice(SPACED.colon),
            b'{' | b'}' | b'[' | b']' => out.put_u8(byte),
            _ => {
                let start = scanner.at;
                scanner.scalar()?;
                out.extend_from_slice(&bytes[start..scanner.at]);
                continue;
            }
        }
        scanner.at += 1;
    }
    Ok(())
}

fn json_to_ziproto(bytes: &[u8], out: &mut BytesMut) -> Result<(), EncodeError> {
    // ZiProto says how many before it says what, JSON does not: a first pass counts.
    let counts = counts(bytes)?;
    let mut counts = counts.into_iter();
    let mut scanner = Scanner::new(bytes, 0, Limits::CHECKED);
    while let Some(&byte) = bytes.get(scanner.at) {
        match byte {
            b'{' => ziproto::write_ziproto_map_header(counts.next().unwrap_or(0), out),
            b'[' => ziproto::write_ziproto_list_header(counts.next().unwrap_or(0), out),
            b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'}' | b']' => {}
            _ => {
                let start = scanner.at;
                let shape = scanner.scalar()?;
                let value = Value { source: Source::new(&bytes[start..scanner.at], Encoding::Json), shape };
                write_json_scalar(&value, out)?;
                continue;
            }
        }
        scanner.at += 1;
    }
    Ok(())
}

/// How many items each list and map of a JSON text holds, in the order in which they begin.
fn counts(bytes: &[u8]) -> Result<Vec<usize>, EncodeError> {
    let mut scanner = Scanner::new(bytes, 0, Limits::CHECKED);
    let mut counts: Vec<usize> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    while let Some(&byte) = bytes.get(scanner.at) {
        match byte {
            b'{' | b'[' => {
                open.push(counts.len());
                scanner.at += 1;
                counts.push(usize::from(!matches!(scanner.visible()?, b'}' | b']')));
                continue;
            }
            b',' => match open.last() {
                Some(&innermost) => counts[innermost] += 1,
                None => return Err(unchecked("a comma in no list")),
            },
            b'}' | b']' => {
                open.pop();
            }
            b' ' | b'\n' | b'\r' | b'\t' | b':' => {}
            _ => {
                scanner.scalar()?;
                continue;
            }
        }
        scanner.at += 1;
    }
    Ok(counts)
}

fn write_json_scalar(value: &Value<'_>, out: &mut BytesMut) -> Result<(), EncodeError> {
    let raw = || String::from_utf8_lossy(value.bytes());
    match value.kind() {
        Kind::Null => ziproto::write_ziproto_nil(out),
        Kind::Bool => ziproto::write_ziproto_bool(value.as_bool() == Some(true), out),
        Kind::Integer => match (value.as_u64(), value.as_i64()) {
            (Some(number), _) => ziproto::write_ziproto_u64(number, out),
            (None, Some(number)) => ziproto::write_ziproto_i64(number, out),
            (None, None) => return Err(ziproto::too_wide(&raw())),
        },
        Kind::Float => match value.as_f64() {
            Some(number) => ziproto::write_ziproto_f64(number, out),
            None => return Err(EncodeError::new(format!("{} is beyond 64-bit floats", raw()))),
        },
        _ => match value.as_str() {
            Some(text) => ziproto::write_ziproto_str(&text, out),
            None => return Err(unchecked("a string is not UTF-8")),
        },
    }
    Ok(())
}
