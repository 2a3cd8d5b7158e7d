use std::borrow::Cow;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::field::FieldKind;
use super::mismatch::Mismatch;
use crate::wire::{
    EncodeError, Encoding, Kind, Value, encode, write_json_f64, write_json_i64, write_json_string,
    write_json_u64, write_ziproto_bool, write_ziproto_f64, write_ziproto_i64, write_ziproto_list_header,
    write_ziproto_nil, write_ziproto_str, write_ziproto_u64,
};

/// A type that is read straight from a packet's bytes and written straight to them, as serde would, but for no serde.
pub trait FieldValue: Sized {
    /// What it may hold, besides null.
    const KIND: FieldKind;

    /// Reads a value.
    fn read(value: Value<'_>) -> Result<Self, Mismatch>;

    /// The value of a field that is not there, if that may be.
    fn absent() -> Option<Self> {
        None
    }

    /// A list of them that was sent as bytes; `u8` alone allows it.
    fn list_from_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
        let _ = bytes;
        None
    }

    /// Appends it in JSON.
    fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError>;

    /// Appends it in ZiProto.
    fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError>;
}

/// Whole numbers up to 64 bits: the type, the accessor it is read by, the writers and what these take.
macro_rules! whole {
    ($($type:ident: $as:ident, $json:ident, $ziproto:ident, $wide:ty $(, $from_bytes:item)?;)*) => {$(
        impl FieldValue for $type {
            const KIND: FieldKind = FieldKind::Integer;

            #[inline]
            fn read(value: Value<'_>) -> Result<Self, Mismatch> {
                match value.$as().map(<$type>::try_from) {
                    Some(Ok(number)) => Ok(number),
                    _ => Err(out_of_range(stringify!($type), <$type>::MIN, <$type>::MAX, value)),
                }
            }

            $($from_bytes)?

            #[inline]
            fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                $json(*self as $wide, out);
                Ok(())
            }

            #[inline]
            fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                $ziproto(*self as $wide, out);
                Ok(())
            }
        }
    )*};
}

whole! {
    u8: as_u64, write_json_u64, write_ziproto_u64, u64, fn list_from_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
        Some(bytes.to_vec())
    };
    u16: as_u64, write_json_u64, write_ziproto_u64, u64;
    u32: as_u64, write_json_u64, write_ziproto_u64, u64;
    u64: as_u64, write_json_u64, write_ziproto_u64, u64;
    usize: as_u64, write_json_u64, write_ziproto_u64, u64;
    i8: as_i64, write_json_i64, write_ziproto_i64, i64;
    i16: as_i64, write_json_i64, write_ziproto_i64, i64;
    i32: as_i64, write_json_i64, write_ziproto_i64, i64;
    i64: as_i64, write_json_i64, write_ziproto_i64, i64;
    isize: as_i64, write_json_i64, write_ziproto_i64, i64;
}

/// Whole numbers beyond 64 bits, which ZiProto cannot hold.
macro_rules! wide {
    ($($type:ident)*) => {$(
        impl FieldValue for $type {
            const KIND: FieldKind = FieldKind::Integer;

            fn read(value: Value<'_>) -> Result<Self, Mismatch> {
                let narrow = || value.as_i64().and_then(|number| number.try_into().ok());
                let narrow = || value.as_u64().map($type::from).or_else(narrow);
                let number = match value.encoding() {
                    Encoding::Json => json_number(value).and_then(|text| text.parse().ok()),
                    Encoding::ZiProto => narrow(),
                };
                number.ok_or_else(|| out_of_range(stringify!($type), $type::MIN, $type::MAX, value))
            }

            fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                encode(self, Encoding::Json, out)
            }

            fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                encode(self, Encoding::ZiProto, out)
            }
        }
    )*};
}

wide!(u128 i128);

#[cold]
fn out_of_range<T: std::fmt::Display>(name: &str, least: T, most: T, found: Value<'_>) -> Mismatch {
    Mismatch::new(&format!("{name} (a whole number from {least} to {most})"), Kind::Integer, found)
}

/// The digits of a number in JSON.
fn json_number(value: Value<'_>) -> Option<&str> {
    if !matches!(value.kind(), Kind::Integer | Kind::Float) {
        return None;
    }
    std::str::from_utf8(value.bytes()).ok()
}

impl FieldValue for f64 {
    const KIND: FieldKind = FieldKind::Float;

    #[inline]
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        value.as_f64().ok_or_else(|| Mismatch::new("f64 (a number)", Kind::Float, value))
    }

    #[inline]
    fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        write_json_f64(*self, out)
    }

    #[inline]
    fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        write_ziproto_f64(*self, out);
        Ok(())
    }
}

impl FieldValue for f32 {
    const KIND: FieldKind = FieldKind::Float;

    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let number = match value.encoding() {
            // Read as f64 first, it would be rounded twice.
            Encoding::Json => json_number(value)
                .and_then(|text| text.parse().ok())
                .filter(|number: &f32| number.is_finite()),
            // NaN and the infinities may be sent, but nothing becomes infinite on the way.
            Encoding::ZiProto => {
                let fits = |number: &f64| (*number as f32).is_finite() || !number.is_finite();
                value.as_f64().filter(fits).map(|number| number as f32)
            }
        };
        number.ok_or_else(|| Mismatch::new("f32 (a number)", Kind::Float, value))
    }

    fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode(self, Encoding::Json, out)
    }

    fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode(self, Encoding::ZiProto, out)
    }
}

impl FieldValue for bool {
    const KIND: FieldKind = FieldKind::Bool;

    #[inline]
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        value.as_bool().ok_or_else(|| Mismatch::new("a boolean", Kind::Bool, value))
    }

    #[inline]
    fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_slice(if *self { b"true" } else { b"false" });
        Ok(())
    }

    #[inline]
    fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        write_ziproto_bool(*self, out);
        Ok(())
    }
}

impl FieldValue for char {
    const KIND: FieldKind = FieldKind::Text;

    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let text = value.as_str();
        let mut letters = text.as_deref().unwrap_or_default().chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => Ok(letter),
            _ => Err(Mismatch::new("text of one character", Kind::Text, value)),
        }
    }

    fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        write_json_string(self.encode_utf8(&mut [0; 4]), out);
        Ok(())
    }

    fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        write_ziproto_str(self.encode_utf8(&mut [0; 4]), out);
        Ok(())
    }
}

/// Text in its several owners.
macro_rules! text {
    ($($type:ty)*) => {$(
        impl FieldValue for $type {
            const KIND: FieldKind = FieldKind::Text;

            // Always inlined: a string that came back through memory would be waited for before it could be moved on.
            #[inline(always)]
            fn read(value: Value<'_>) -> Result<Self, Mismatch> {
                match value.plain_text() {
                    Some(text) => Ok(text.to_owned().into()),
                    None => odd_text(value).map(Into::into),
                }
            }

            #[inline]
            fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                write_json_string(self, out);
                Ok(())
            }

            #[inline]
            fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
                write_ziproto_str(self, out);
                Ok(())
            }
        }
    )*};
}

text!(String Box<str> Arc<str> Cow<'static, str>);

/// Text that is written with escapes, or no text.
#[cold]
fn odd_text(value: Value<'_>) -> Result<String, Mismatch> {
    value.as_str().map(Cow::into_owned).ok_or_else(|| Mismatch::new("text", Kind::Text, value))
}

impl<T: FieldValue> FieldValue for Option<T> {
    const KIND: FieldKind = T::KIND;

    #[inline]
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    #[inline]
    fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Some(value) => value.write_json(out),
            None => {
                out.put_slice(b"null");
                Ok(())
            }
        }
    }

    #[inline]
    fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Some(value) => value.write_ziproto(out),
            None => {
                write_ziproto_nil(out);
                Ok(())
            }
        }
    }
}

impl<T: FieldValue> FieldValue for Vec<T> {
    const KIND: FieldKind = FieldKind::Any;

    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        let Some(elements) = value.elements() else {
            let bytes = value.as_bytes().and_then(T::list_from_bytes);
            return bytes.ok_or_else(|| Mismatch::new("a list", Kind::List, value));
        };
        // The index has counted them: there are as many as ZiProto announces.
        let mut list = Vec::with_capacity(elements.size_hint().0);
        for element in elements {
            match T::read(element) {
                Ok(element) => list.push(element),
                Err(mismatch) => return Err(mismatch.element(list.len())),
            }
        }
        Ok(list)
    }

    fn write_json(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u8(b'[');
        for (position, element) in self.iter().enumerate() {
            if position > 0 {
                out.put_u8(b',');
            }
            element.write_json(out)?;
        }
        out.put_u8(b']');
        Ok(())
    }

    fn write_ziproto(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        write_ziproto_list_header(self.len(), out);
        self.iter().try_for_each(|element| element.write_ziproto(out))
    }
}
