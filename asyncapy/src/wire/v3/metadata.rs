use std::borrow::Cow;
use std::fmt;

use bytes::BytesMut;

use crate::error::{Code, Error};
use crate::wire::ziproto::{Token, read};
use crate::wire::{write_ziproto_bin, write_ziproto_map_header, write_ziproto_str};

/// What goes along with a stream's frames and is no argument: a trace, a tenant, a locale. A small map of text keys to
/// text or bytes, in order; no key stands twice. Empty, it costs nothing.
///
/// ```
/// use asyncapy::wire::v3::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.insert("locale", "de");
/// metadata.insert("seal", vec![7, 8]);
/// let mut head = bytes::BytesMut::new();
/// metadata.write(&mut head);
/// let read = Metadata::read(&head, Metadata::SIZE).unwrap();
/// assert_eq!(read.text("locale"), Some("de"));
/// assert_eq!(read.bytes("seal"), Some(&[7, 8][..]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    entries: Vec<(Cow<'static, str>, MetadataValue)>,
}

/// A value of [`Metadata`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataValue {
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl MetadataValue {
    /// The text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            MetadataValue::Text(text) => Some(text),
            MetadataValue::Bytes(_) => None,
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            MetadataValue::Bytes(bytes) => Some(bytes),
            MetadataValue::Text(_) => None,
        }
    }
}

impl From<&str> for MetadataValue {
    fn from(text: &str) -> Self {
        MetadataValue::Text(text.to_owned())
    }
}

impl From<String> for MetadataValue {
    fn from(text: String) -> Self {
        MetadataValue::Text(text)
    }
}

impl From<Vec<u8>> for MetadataValue {
    fn from(bytes: Vec<u8>) -> Self {
        MetadataValue::Bytes(bytes)
    }
}

impl From<&[u8]> for MetadataValue {
    fn from(bytes: &[u8]) -> Self {
        MetadataValue::Bytes(bytes.to_owned())
    }
}

/// Why a head is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataError {
    /// It is longer than allowed.
    TooLarge {
        /// Its length in bytes.
        size: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// It has more than [`Metadata::ENTRIES`] keys.
    TooMany,
    /// It is no ZiProto map of text keys to text or bytes.
    Malformed {
        /// Where, in bytes from the head's start.
        offset: usize,
        /// What was expected or found.
        reason: &'static str,
    },
    /// A key stands twice: which one counts is anyone's guess.
    Duplicate {
        /// Where the second one's value is, in bytes from the head's start.
        offset: usize,
    },
}

impl MetadataError {
    /// The code that the other side reads in ERROR.
    pub fn code(&self) -> Code {
        match self {
            MetadataError::TooLarge { .. } => Code::PacketTooLarge,
            MetadataError::TooMany => Code::PayloadTooComplex,
            MetadataError::Malformed { .. } => Code::RequestMalformed,
            MetadataError::Duplicate { .. } => Code::FieldDuplicate,
        }
    }
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetadataError::TooLarge { size, limit } => {
                write!(f, "metadata of {size} bytes are longer than the {limit} that are allowed")
            }
            MetadataError::TooMany => write!(f, "metadata have more than {} keys", Metadata::ENTRIES),
            MetadataError::Malformed { offset, reason } => write!(f, "metadata: {reason}, at byte {offset}"),
            MetadataError::Duplicate { offset } => {
                write!(f, "metadata: a key stands twice, before byte {offset}")
            }
        }
    }
}

impl std::error::Error for MetadataError {}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        Error::Protocol(error.to_string())
    }
}

impl Metadata {
    /// The default for the longest head accepted, in bytes.
    pub const SIZE: usize = 16 * 1024;

    /// The most keys that are accepted; each is compared with those before it.
    pub const ENTRIES: usize = 128;

    /// Metadata without a key; no allocation.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Reads a head of at most `limit` bytes. No bytes at all are no metadata.
    ///
    /// # Errors
    /// The head is no ZiProto map of text keys to text or bytes, has a key twice, or is too long.
    pub fn read(head: &[u8], limit: usize) -> Result<Self, MetadataError> {
        if head.is_empty() {
            return Ok(Self::new());
        }
        if head.len() > limit {
            return Err(MetadataError::TooLarge { size: head.len(), limit });
        }
        let malformed = |offset, reason| MetadataError::Malformed { offset, reason };
        let mut at = 0;
        let mut token = || {
            let offset = at;
            let (token, next) = read(head, at).map_err(|fault| malformed(offset, fault.reason()))?;
            at = next;
            Ok((token, offset))
        };
        let text = |bytes, offset| {
            std::str::from_utf8(bytes).map_err(|_| malformed(offset, "a string is not UTF-8"))
        };
        let (Token::Map(count), _) = token()? else { return Err(malformed(0, "a map was expected")) };
        if count as usize > Self::ENTRIES {
            return Err(MetadataError::TooMany);
        }
        let mut metadata = Self::new();
        for _ in 0..count {
            let key = match token()? {
                (Token::Text(key), offset) => text(key, offset)?,
                (_, offset) => return Err(malformed(offset, "a key must be text")),
            };
            let (value, offset) = match token()? {
                (Token::Text(value), offset) => (text(value, offset)?.into(), offset),
                (Token::Bytes(value), offset) => (value.into(), offset),
                (_, offset) => return Err(malformed(offset, "a value must be text or bytes")),
            };
            if metadata.get(key).is_some() {
                return Err(MetadataError::Duplicate { offset });
            }
            metadata.entries.push((key.to_owned().into(), value));
        }
        if at != head.len() {
            return Err(malformed(at, "nothing was expected after the map"));
        }
        Ok(metadata)
    }

    /// Appends the map to `out`.
    pub fn write(&self, out: &mut BytesMut) {
        write_ziproto_map_header(self.entries.len(), out);
        for (key, value) in &self.entries {
            write_ziproto_str(key, out);
            match value {
                MetadataValue::Text(text) => write_ziproto_str(text, out),
                MetadataValue::Bytes(bytes) => write_ziproto_bin(bytes, out),
            }
        }
    }

    /// Sets a key; its former value, if it had one.
    pub fn insert(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<MetadataValue>,
    ) -> Option<MetadataValue> {
        let (key, value) = (key.into(), value.into());
        match self.entries.iter_mut().find(|(known, _)| *known == key) {
            Some((_, place)) => Some(std::mem::replace(place, value)),
            None => {
                self.entries.push((key, value));
                None
            }
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<MetadataValue> {
        let position = self.entries.iter().position(|(known, _)| known == key)?;
        Some(self.entries.remove(position).1)
    }

    /// A key's value.
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// A key's value, if it is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// A key's value, if it is bytes.
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.get(key)?.as_bytes()
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetadataValue)> {
        self.entries.iter().map(|(key, value)| (&**key, value))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K: Into<Cow<'static, str>>, V: Into<MetadataValue>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut metadata = Self::new();
        for (key, value) in pairs {
            metadata.insert(key, value);
        }
        metadata
    }
}
