use std::borrow::Cow;
use std::fmt;

use serde::de::Deserialize;

use super::elements::{Elements, Entries};
use super::source::Source;
use super::transcode::write_spaced;
use super::ziproto::{self, Token};
use super::{DecodeError, Encoding, json};

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

/// A value's kind, and whether it is a JSON string with escapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) escaped: bool,
}

impl Shape {
    #[inline]
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, escaped: false }
    }
}

/// A value of an indexed payload, read in place. `Copy`.
///
/// ```
/// use asyncapy::wire::{Encoding, Index, Kind, PayloadLimits, View};
///
/// let payload = br#"{"user": "ada", "pin": 7, "tags": ["a", "b"]}"#;
/// let mut index = Index::default();
/// index.build(payload, Encoding::Json, &PayloadLimits::default())?;
/// let view = View::new(payload, Encoding::Json, &index);
/// assert_eq!(view.get("user").and_then(|user| user.as_str()).as_deref(), Some("ada"));
/// assert_eq!(view.get("pin").and_then(|pin| pin.as_u64()), Some(7));
/// let tags = view.get("tags").unwrap();
/// assert_eq!(tags.kind(), Kind::List);
/// assert_eq!(tags.deserialize::<Vec<String>>().unwrap(), ["a", "b"]);
/// # Ok::<(), asyncapy::wire::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    pub(super) source: Source<'a>,
    pub(super) shape: Shape,
}

impl<'a> Value<'a> {
    /// The value's bytes in its encoding.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.source.bytes()
    }

    /// The encoding.
    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.source.encoding()
    }

    /// The kind.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.shape.kind
    }

    /// The text that a pattern is matched against: strings as they are, numbers and booleans as JSON text, null as
    /// `null`; nothing for bytes, lists, maps, NaN and infinities.
    ///
    /// A JSON number's text is what stands in the payload: `1.50` is `1.50`.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match (self.encoding(), self.kind()) {
            (_, Kind::Text) => self.as_str(),
            (_, Kind::Null) => Some("null".into()),
            (_, Kind::Bool) => Some(if self.as_bool()? { "true" } else { "false" }.into()),
            (Encoding::Json, Kind::Integer | Kind::Float) => self.raw().map(Cow::Borrowed),
            (Encoding::ZiProto, Kind::Integer | Kind::Float) => match self.token()? {
                Token::Unsigned(number) => Some(itoa::Buffer::new().format(number).to_owned().into()),
                Token::Negative(number) => Some(itoa::Buffer::new().format(number).to_owned().into()),
                Token::Float(number) if number.is_finite() => {
                    Some(zmij::Buffer::new().format_finite(number).to_owned().into())
                }
                _ => None,
            },
            (_, Kind::Bytes | Kind::List | Kind::Map) => None,
        }
    }

    /// The string; borrowed, unless it is written with escapes.
    #[inline]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        match (self.source, self.shape.escaped) {
            (Source::Json(text), true) => text.get(1..text.len() - 1).map(json::unescape),
            _ => self.plain_text().map(Cow::Borrowed),
        }
    }

    /// The string, if it stands in the payload as it is.
    #[inline]
    pub(crate) fn plain_text(&self) -> Option<&'a str> {
        match self.source {
            _ if self.kind() != Kind::Text || self.shape.escaped => None,
            Source::Json(text) => text.get(1..text.len() - 1),
            Source::ZiProto(bytes) => std::str::from_utf8(ziproto_text(bytes)?).ok(),
        }
    }

    /// The bytes of a ZiProto `bin`.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self.kind() {
            Kind::Bytes => match self.token()? {
                Token::Bytes(bytes) => Some(bytes),
                _ => None,
            },
            _ => None,
        }
    }

    /// The whole number, if it is one that fits. `1.0` is none.
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        if self.kind() != Kind::Integer {
            return None;
        }
        match self.encoding() {
            Encoding::Json => match self.bytes() {
                [b'-', digits @ ..] => 0i64.checked_sub_unsigned(digits_value(digits)?),
                digits => digits_value(digits)?.try_into().ok(),
            },
            Encoding::ZiProto => match self.token()? {
                Token::Unsigned(number) => number.try_into().ok(),
                Token::Negative(number) => Some(number),
                _ => None,
            },
        }
    }

    /// The whole number, if it is one that fits. `1.0` is none.
    #[inline]
    pub fn as_u64(&self) -> Option<u64> {
        if self.kind() != Kind::Integer {
            return None;
        }
        match self.encoding() {
            Encoding::Json => match self.bytes() {
                [b'-', digits @ ..] => digits_value(digits).filter(|&number| number == 0),
                digits => digits_value(digits),
            },
            Encoding::ZiProto => match self.token()? {
                Token::Unsigned(number) => Some(number),
                _ => None,
            },
        }
    }

    /// The number; a whole one is converted. JSON numbers beyond the range of `f64` are none.
    #[inline]
    pub fn as_f64(&self) -> Option<f64> {
        match (self.encoding(), self.kind()) {
            (Encoding::Json, Kind::Integer | Kind::Float) => {
                self.raw()?.parse().ok().filter(|number: &f64| number.is_finite())
            }
            (Encoding::ZiProto, Kind::Integer | Kind::Float) => match self.token()? {
                Token::Unsigned(number) => Some(number as f64),
                Token::Negative(number) => Some(number as f64),
                Token::Float(number) => Some(number),
                _ => None,
            },
            _ => None,
        }
    }

    /// The boolean.
    #[inline]
    pub fn as_bool(&self) -> Option<bool> {
        if self.kind() != Kind::Bool {
            return None;
        }
        Some(match self.source {
            Source::Json(text) => text == "true",
            Source::ZiProto(bytes) => bytes == [0xc3],
        })
    }

    /// Whether it is null.
    #[inline]
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// What a list holds, one by one.
    pub fn elements(&self) -> Option<Elements<'a>> {
        Elements::new(self)
    }

    /// What a map holds, pair by pair; repeated keys come each time they stand there.
    pub fn entries(&self) -> Option<Entries<'a>> {
        Entries::new(self)
    }

    /// Decodes the value with serde.
    ///
    /// In ZiProto a map's integer, boolean and nil keys name a struct's fields by their JSON text (protocol V2, rule
    /// 8), never by the fields' order.
    ///
    /// # Errors
    /// The value does not fit `T`.
    pub fn deserialize<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        deserialize(self.bytes(), self.encoding())
    }

    /// JSON's very text.
    fn raw(&self) -> Option<&'a str> {
        match self.source {
            Source::Json(text) => Some(text),
            Source::ZiProto(_) => None,
        }
    }

    /// ZiProto's first token.
    #[inline]
    fn token(&self) -> Option<Token<'a>> {
        ziproto::read(self.bytes(), 0).ok().map(|(token, _)| token)
    }
}

/// The value as JSON text with spaces after `,` and `:`, as Python writes it.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = bytes::BytesMut::new();
        write_spaced(self.bytes(), self.encoding(), &mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// The text of a checked ZiProto string. It ends with the bytes: the marker alone says where it begins.
#[inline]
fn ziproto_text(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0xd9, _, text @ ..] | [0xda, _, _, text @ ..] | [0xdb, _, _, _, _, text @ ..] => Some(text),
        [_, text @ ..] => Some(text),
        [] => None,
    }
}

/// Decodes checked bytes with serde.
pub(super) fn deserialize<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    encoding: Encoding,
) -> Result<T, DecodeError> {
    match encoding {
        Encoding::Json => serde_json::from_slice(bytes).map_err(|error| DecodeError::new(error.to_string())),
        Encoding::ZiProto => ziproto::deserialize(bytes),
    }
}

/// What decimal digits say, if it fits.
#[inline]
fn digits_value(digits: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| u64::from(byte.wrapping_sub(b'0'));
    if digits.len() < 20 {
        // 19 nines fit.
        return Some(digits.iter().fold(0, |number, byte| number * 10 + digit(byte)));
    }
    digits.iter().try_fold(0u64, |number, byte| number.checked_mul(10)?.checked_add(digit(byte)))
}
