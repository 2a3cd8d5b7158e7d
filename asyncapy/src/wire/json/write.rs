use std::fmt::Display;

use bytes::{BufMut, BytesMut};

use super::string::stops;
use crate::wire::EncodeError;
use crate::wire::serialize::{Format, Open};

/// Appends a JSON string, quoted and escaped.
#[inline]
pub fn write_json_string(text: &str, out: &mut BytesMut) {
    let text = text.as_bytes();
    out.reserve(text.len() + 2);
    out.put_u8(b'"');
    if text.len() <= SHORT && is_plain(text) {
        out.extend_from_slice(text);
    } else {
        write_escaped(text, out);
    }
    out.put_u8(b'"');
}

/// Up to this length a string is looked at once as a whole, in bytes.
const SHORT: usize = 64;

/// Whether nothing in a text must be escaped. It is read in words where it lies, the last one over the one before it.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let word = |chunk: &[u8; 8]| stops(u64::from_le_bytes(*chunk));
    if let Some(last) = text.last_chunk() {
        let words = text.chunks_exact(8).filter_map(<[u8]>::first_chunk);
        return words.fold(word(last), |seen, chunk| seen | word(chunk)) == 0;
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return stops(u64::from(first) | u64::from(last) << 32) == 0;
    }
    text.iter().all(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
}

/// Appends the inside of a JSON string.
#[inline]
fn write_escaped(text: &[u8], out: &mut BytesMut) {
    let mut rest = text;
    loop {
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else { return };
        write_escape(byte, out);
        rest = &rest[plain + 1..];
    }
}

/// How many bytes stand before the first that must be escaped.
#[inline]
fn plain_prefix(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let stops = stops(u64::from_le_bytes(*chunk));
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = text.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

#[cold]
fn write_escape(byte: u8, out: &mut BytesMut) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        control => {
            let digits = b"0123456789abcdef";
            let digit = |value: u8| digits[usize::from(value & 15)];
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control)]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends a whole number.
#[inline]
pub fn write_json_i64(number: i64, out: &mut BytesMut) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a whole number.
#[inline]
pub fn write_json_u64(number: u64, out: &mut BytesMut) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a number in the fewest digits that read back as the same number.
///
/// # Errors
/// JSON has no NaN and no infinities (protocol V2, rule 8).
#[inline]
pub fn write_json_f64(number: f64, out: &mut BytesMut) -> Result<(), EncodeError> {
    if !number.is_finite() {
        return Err(not_finite(number));
    }
    out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    Ok(())
}

#[cold]
fn not_finite(number: impl Display) -> EncodeError {
    EncodeError::new(format!("{number} cannot be written in JSON"))
}

/// JSON without white space, as serde_json writes it.
#[derive(Debug)]
pub(crate) struct Compact;

impl Format for Compact {
    fn null(out: &mut BytesMut) {
        out.extend_from_slice(b"null");
    }

    #[inline]
    fn boolean(value: bool, out: &mut BytesMut) {
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    #[inline]
    fn signed(number: i64, out: &mut BytesMut) {
        write_json_i64(number, out);
    }

    #[inline]
    fn unsigned(number: u64, out: &mut BytesMut) {
        write_json_u64(number, out);
    }

    fn wide_signed(number: i128, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        Ok(())
    }

    fn wide_unsigned(number: u128, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        Ok(())
    }

    #[inline]
    fn float(number: f64, out: &mut BytesMut) -> Result<(), EncodeError> {
        write_json_f64(number, out)
    }

    fn short_float(number: f32, out: &mut BytesMut) -> Result<(), EncodeError> {
        if !number.is_finite() {
            return Err(not_finite(number));
        }
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        Ok(())
    }

    #[inline]
    fn text(text: &str, out: &mut BytesMut) {
        write_json_string(text, out);
    }

    /// A list of numbers.
    fn bytes(bytes: &[u8], out: &mut BytesMut) {
        let mut separator = b'[';
        for &byte in bytes {
            out.put_u8(separator);
            write_json_u64(byte.into(), out);
            separator = b',';
        }
        out.extend_from_slice(if bytes.is_empty() { b"[]" } else { b"]" });
    }

    #[inline]
    fn open(map: bool, declared: Option<usize>, out: &mut BytesMut) -> Open {
        out.put_u8(if map { b'{' } else { b'[' });
        Open { map, start: 0, declared, items: 0 }
    }

    #[inline]
    fn separate(open: &Open, out: &mut BytesMut) {
        if open.items > 0 {
            out.put_u8(b',');
        }
    }

    #[inline]
    fn pair(out: &mut BytesMut) {
        out.put_u8(b':');
    }

    #[inline]
    fn close(open: &Open, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u8(if open.map { b'}' } else { b']' });
        Ok(())
    }

    /// Keys are strings in JSON.
    fn key(
        write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        out.put_u8(b'"');
        write(out)?;
        out.put_u8(b'"');
        Ok(())
    }
}
