use super::{EncodeError, Encoding};
use std::borrow::Cow;

/// What kind of value a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number with a fraction or an exponent.
    Float,
    /// Text.
    Text,
    /// Bytes (ZiProto alone).
    Bytes,
    /// A list.
    List,
    /// A map.
    Map,
}

/// A field's value, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) encoding: Encoding,
    pub(super) kind: Kind,
}

impl<'a> Value<'a> {
    /// The value's bytes in its encoding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
    /// The encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }
    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }
    /// The text that a pattern is matched against: strings as they are, numbers and booleans as JSON text, null as
    /// `null`; nothing for bytes, lists and maps.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        todo!()
    }
    /// The string.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        todo!()
    }
    /// The whole number, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        todo!()
    }
    /// The whole number, if it is one that fits.
    pub fn as_u64(&self) -> Option<u64> {
        todo!()
    }
    /// The number; a whole one is converted.
    pub fn as_f64(&self) -> Option<f64> {
        todo!()
    }
    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        todo!()
    }
    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }
    /// Decodes the value with serde.
    pub fn deserialize<T: serde::de::DeserializeOwned>(&self) -> Result<T, EncodeError> {
        todo!()
    }
}
