use bytes::{BufMut, BytesMut};

use crate::wire::EncodeError;
use crate::wire::serialize::{Format, Open};

/// Appends a marker and the number after it, in one go.
#[inline]
fn marked<const SIZE: usize>(marker: u8, number: [u8; SIZE], out: &mut BytesMut) {
    let mut bytes = [marker; 9];
    bytes[1..=SIZE].copy_from_slice(&number);
    out.extend_from_slice(&bytes[..=SIZE]);
}

/// Appends a whole number in the fewest bytes.
#[inline]
pub fn write_ziproto_u64(number: u64, out: &mut BytesMut) {
    if number < 0x80 {
        out.put_u8(number as u8);
    } else if let Ok(number) = u8::try_from(number) {
        marked(0xcc, number.to_be_bytes(), out);
    } else if let Ok(number) = u16::try_from(number) {
        marked(0xcd, number.to_be_bytes(), out);
    } else if let Ok(number) = u32::try_from(number) {
        marked(0xce, number.to_be_bytes(), out);
    } else {
        marked(0xcf, number.to_be_bytes(), out);
    }
}

/// Appends a whole number in the fewest bytes.
#[inline]
pub fn write_ziproto_i64(number: i64, out: &mut BytesMut) {
    if let Ok(number) = u64::try_from(number) {
        write_ziproto_u64(number, out);
    } else if number >= -32 {
        out.put_u8(number as u8);
    } else if let Ok(number) = i8::try_from(number) {
        marked(0xd0, number.to_be_bytes(), out);
    } else if let Ok(number) = i16::try_from(number) {
        marked(0xd1, number.to_be_bytes(), out);
    } else if let Ok(number) = i32::try_from(number) {
        marked(0xd2, number.to_be_bytes(), out);
    } else {
        marked(0xd3, number.to_be_bytes(), out);
    }
}

/// Appends a number of 64 bits; NaN and infinities as well.
#[inline]
pub fn write_ziproto_f64(number: f64, out: &mut BytesMut) {
    marked(0xcb, number.to_be_bytes(), out);
}

/// Appends a boolean.
#[inline]
pub fn write_ziproto_bool(value: bool, out: &mut BytesMut) {
    out.put_u8(0xc2 | u8::from(value));
}

/// Appends nil, ZiProto's null.
#[inline]
pub fn write_ziproto_nil(out: &mut BytesMut) {
    out.put_u8(0xc0);
}

/// Appends a string.
#[inline]
pub fn write_ziproto_str(text: &str, out: &mut BytesMut) {
    write_text(text.as_bytes(), out);
}

/// Appends a string given as bytes that are known to be UTF-8.
#[inline]
pub(crate) fn write_text(text: &[u8], out: &mut BytesMut) {
    if text.len() < 32 {
        out.put_u8(0xa0 | text.len() as u8);
    } else {
        write_text_header(text.len(), out);
    }
    out.extend_from_slice(text);
}

/// The header of a string of 32 bytes or more.
#[inline(never)]
fn write_text_header(length: usize, out: &mut BytesMut) {
    if let Ok(length) = u8::try_from(length) {
        marked(0xd9, length.to_be_bytes(), out);
    } else if let Ok(length) = u16::try_from(length) {
        marked(0xda, length.to_be_bytes(), out);
    } else {
        marked(0xdb, saturated(length).to_be_bytes(), out);
    }
}

/// Appends bytes.
pub fn write_ziproto_bin(bytes: &[u8], out: &mut BytesMut) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        marked(0xc4, length.to_be_bytes(), out);
    } else if let Ok(length) = u16::try_from(bytes.len()) {
        marked(0xc5, length.to_be_bytes(), out);
    } else {
        marked(0xc6, saturated(bytes.len()).to_be_bytes(), out);
    }
    out.extend_from_slice(bytes);
}

/// Appends the header of a map; so many pairs of a key and a value must follow.
#[inline]
pub fn write_ziproto_map_header(pairs: usize, out: &mut BytesMut) {
    write_header(true, pairs, out);
}

/// Appends the header of a list; so many values must follow.
#[inline]
pub fn write_ziproto_list_header(values: usize, out: &mut BytesMut) {
    write_header(false, values, out);
}

#[inline]
fn write_header(map: bool, count: usize, out: &mut BytesMut) {
    let (fix, wide) = if map { (0x80, 0xde) } else { (0x90, 0xdc) };
    if count < 16 {
        out.put_u8(fix | count as u8);
    } else if let Ok(count) = u16::try_from(count) {
        marked(wide, count.to_be_bytes(), out);
    } else {
        marked(wide + 1, saturated(count).to_be_bytes(), out);
    }
}

/// No frame is as long as a length beyond 32 bits: `Framing::encode` refuses it before anyone reads this.
fn saturated(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// ZiProto in the fewest bytes, as the Python package writes it.
#[derive(Debug)]
pub(crate) struct Smallest;

impl Format for Smallest {
    fn null(out: &mut BytesMut) {
        write_ziproto_nil(out);
    }

    #[inline]
    fn boolean(value: bool, out: &mut BytesMut) {
        write_ziproto_bool(value, out);
    }

    #[inline]
    fn signed(number: i64, out: &mut BytesMut) {
        write_ziproto_i64(number, out);
    }

    #[inline]
    fn unsigned(number: u64, out: &mut BytesMut) {
        write_ziproto_u64(number, out);
    }

    fn wide_signed(number: i128, out: &mut BytesMut) -> Result<(), EncodeError> {
        match i64::try_from(number) {
            Ok(number) => write_ziproto_i64(number, out),
            Err(_) => match u64::try_from(number) {
                Ok(number) => write_ziproto_u64(number, out),
                Err(_) => return Err(too_wide(&number.to_string())),
            },
        }
        Ok(())
    }

    fn wide_unsigned(number: u128, out: &mut BytesMut) -> Result<(), EncodeError> {
        match u64::try_from(number) {
            Ok(number) => write_ziproto_u64(number, out),
            Err(_) => return Err(too_wide(&number.to_string())),
        }
        Ok(())
    }

    #[inline]
    fn float(number: f64, out: &mut BytesMut) -> Result<(), EncodeError> {
        write_ziproto_f64(number, out);
        Ok(())
    }

    fn short_float(number: f32, out: &mut BytesMut) -> Result<(), EncodeError> {
        marked(0xca, number.to_be_bytes(), out);
        Ok(())
    }

    #[inline]
    fn text(text: &str, out: &mut BytesMut) {
        write_ziproto_str(text, out);
    }

    fn bytes(bytes: &[u8], out: &mut BytesMut) {
        write_ziproto_bin(bytes, out);
    }

    #[inline]
    fn open(map: bool, declared: Option<usize>, out: &mut BytesMut) -> Open {
        let start = out.len();
        write_header(map, declared.unwrap_or(0), out);
        Open { map, start, declared, items: 0 }
    }

    #[inline]
    fn separate(_open: &Open, _out: &mut BytesMut) {}

    #[inline]
    fn pair(_out: &mut BytesMut) {}

    #[inline]
    fn close(open: &Open, out: &mut BytesMut) -> Result<(), EncodeError> {
        if open.declared == Some(open.items) { Ok(()) } else { correct(open, out) }
    }

    /// Keys are values like others; which kinds there may be, the serializer decides.
    #[inline]
    fn key(
        write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        write(out)
    }
}

/// The error for a whole number that has no form in ZiProto.
#[cold]
pub(crate) fn too_wide(number: &str) -> EncodeError {
    EncodeError::new(format!("{number} is beyond 64 bits, which ZiProto cannot hold"))
}

/// Puts the right count in the place of one that was not known, or not kept to.
#[cold]
fn correct(open: &Open, out: &mut BytesMut) -> Result<(), EncodeError> {
    if open.declared.is_some() {
        return Err(EncodeError::new("a value announced another number of items than it wrote"));
    }
    if open.items < 16 {
        out[open.start] |= open.items as u8;
        return Ok(());
    }
    let items = out[open.start + 1..].to_vec();
    out.truncate(open.start);
    write_header(open.map, open.items, out);
    out.extend_from_slice(&items);
    Ok(())
}
