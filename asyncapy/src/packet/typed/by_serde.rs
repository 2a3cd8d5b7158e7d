//! What goes by serde: whole types that the direct path cannot do, and fields of other types.

use bytes::BytesMut;
use serde::de::value::Error as Missing;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

use super::mismatch::{Complaint, Mismatch};
use super::probe::{ReadBySerde, WriteBySerde};
use crate::error::{Code, Rejection};
use crate::wire::{EncodeError, Encoding, Value, View, encode_map};

/// Reads a field.
pub fn read_by_serde<T: DeserializeOwned>(value: Value<'_>) -> Result<T, Mismatch> {
    value.deserialize().map_err(|error| Mismatch::serde(&error.to_string(), value))
}

/// The value of a field that is not there, if its type has one for that: `Option` has, and what wraps it.
pub fn absent_by_serde<T: DeserializeOwned>() -> Option<T> {
    T::deserialize(Absent).ok()
}

/// Reads a whole packet.
pub fn decode_by_serde<T: ReadBySerde>(view: View<'_>) -> Result<T, Rejection> {
    view.deserialize().map_err(|error| reject(&error.to_string()))
}

/// Writes a whole packet.
pub fn encode_by_serde<T: WriteBySerde>(
    value: &T,
    encoding: Encoding,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    encode_map(value, encoding, out)
}

/// What serde says about a whole packet, in our codes.
#[cold]
fn reject(text: &str) -> Rejection {
    match Complaint::parse(text) {
        Complaint::Missing(field) => Rejection::new(Code::FieldMissing).field(field.to_owned()),
        Complaint::Duplicate(field) => Rejection::new(Code::FieldDuplicate).field(field.to_owned()),
        Complaint::Unknown(field) => unknown_field(field.to_owned()),
        Complaint::Expected(expected) => Rejection::new(Code::FieldInvalid)
            .message(format!("a value is not what was expected: {expected}")),
        Complaint::Other => {
            Rejection::new(Code::FieldInvalid).message("a packet of this form is not expected")
        }
    }
}

/// The rejection of a field that is not known. Its name comes from the client: a long one is not repeated.
pub(super) fn unknown_field(name: String) -> Rejection {
    let rejection = Rejection::new(Code::FieldUnknown);
    if name.len() <= 64 {
        rejection.field(name)
    } else {
        rejection.message("its name is longer than any known")
    }
}

/// Nothing at all, as serde's own derive shows it to the type of a field that is not there.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = Missing;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Missing> {
        Err(Missing::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Missing> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any newtype_struct
    }
}
