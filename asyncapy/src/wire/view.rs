use std::borrow::Cow;
use std::fmt;

use bytes::BytesMut;
use serde::de::Deserialize;

use super::hash::hash;
use super::index::{Entry, KeyKind};
use super::source::Source;
use super::transcode::write_spaced;
use super::value::{Shape, deserialize};
use super::{DecodeError, Encoding, Index, Kind, Value, json, ziproto};

/// An indexed payload: its bytes, its encoding, and where its fields lie. `Copy`.
///
/// ```
/// use asyncapy::wire::{Encoding, Index, PayloadLimits, View};
///
/// let payload = b"\x82\x01\xa3one\xa4name\xa3ada";     // ZiProto: {1: "one", "name": "ada"}
/// let mut index = Index::default();
/// index.build(payload, Encoding::ZiProto, &PayloadLimits::default())?;
/// let view = View::new(payload, Encoding::ZiProto, &index);
/// assert!(view.key_is(0, "1"));
/// assert_eq!(view.to_string(), r#"{"1": "one", "name": "ada"}"#);
/// # Ok::<(), asyncapy::wire::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    payload: Source<'a>,
    index: &'a Index,
}

impl<'a> View<'a> {
    /// A view of a payload and the index that was built from it. Any other index makes a view that panics or reads
    /// nonsense.
    #[inline]
    pub fn new(payload: &'a [u8], encoding: Encoding, index: &'a Index) -> Self {
        Self { payload: Source::new(payload, encoding), index }
    }

    /// The payload's bytes.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload.bytes()
    }

    /// The payload's encoding.
    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.payload.encoding()
    }

    /// Whether the payload is a list, by [`Index::build_arguments`]: its elements have places and no names.
    #[inline]
    pub fn is_list(&self) -> bool {
        self.index.list
    }

    /// The value at `position`, of a list's elements or a map's fields.
    #[inline]
    pub fn nth(&self, position: usize) -> Option<Value<'a>> {
        (position < self.len()).then(|| self.value(position))
    }

    /// How many fields or elements there are, repeated fields counted each.
    #[inline]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The `position`-th field's name; empty for an element of a list. Panics beyond [`len`](Self::len).
    pub fn key(&self, position: usize) -> Cow<'a, str> {
        let entry = self.entry(position);
        let span = self.span(entry.key);
        match entry.key_kind {
            KeyKind::Plain => String::from_utf8_lossy(span),
            KeyKind::Escaped => match std::str::from_utf8(span) {
                Ok(raw) => json::unescape(raw),
                // The index has checked the payload's UTF-8.
                Err(_) => Cow::Borrowed(""),
            },
            KeyKind::None => Cow::Borrowed(""),
            KeyKind::Other => {
                Cow::Owned(self.other_key(span, |text| String::from_utf8_lossy(text).into_owned()))
            }
        }
    }

    /// The `position`-th field's value. Panics beyond [`len`](Self::len).
    #[inline]
    pub fn value(&self, position: usize) -> Value<'a> {
        let entry = self.entry(position);
        Value { source: self.part(entry.value), shape: entry.shape }
    }

    /// Whether the `position`-th field's name is `name`; no allocation. Panics beyond [`len`](Self::len).
    #[inline]
    pub fn key_is(&self, position: usize, name: &str) -> bool {
        let entry = self.entry(position);
        match entry.key_kind {
            KeyKind::Plain => self.span(entry.key) == name.as_bytes(),
            _ => self.odd_key_is(entry, name),
        }
    }

    /// Apart, so that the comparison of a plain key with a name known at compile time comes to a few instructions.
    #[cold]
    fn odd_key_is(&self, entry: &Entry, name: &str) -> bool {
        let span = self.span(entry.key);
        match entry.key_kind {
            KeyKind::Escaped => std::str::from_utf8(span).is_ok_and(|raw| json::equals(raw, name)),
            KeyKind::None => false,
            _ => self.other_key(span, |text| text == name.as_bytes()),
        }
    }

    /// A fast, unkeyed hash of the `position`-th field's name as text; equals [`View::hash_name`] of that text.
    ///
    /// Clients can choose names that collide: compare names after hashes, and keep no unbounded table by it.
    #[inline]
    pub fn key_hash(&self, position: usize) -> u64 {
        let entry = self.entry(position);
        let span = self.span(entry.key);
        match entry.key_kind {
            KeyKind::Plain | KeyKind::None => hash(span),
            KeyKind::Escaped => hash(self.key(position).as_bytes()),
            KeyKind::Other => self.other_key(span, hash),
        }
    }

    /// The hash of a name.
    #[inline]
    pub fn hash_name(name: &str) -> u64 {
        hash(name.as_bytes())
    }

    /// The field `name`; the last, where it stands more than once, as a Python dict has it.
    #[inline]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let position = (0..self.len()).rev().find(|&position| self.key_is(position, name))?;
        Some(self.value(position))
    }

    /// The field `name`, where it stands once or never.
    ///
    /// # Errors
    /// It stands more than once: its last value.
    #[inline]
    pub fn get_unique(&self, name: &str) -> Result<Option<Value<'a>>, Value<'a>> {
        let mut positions = (0..self.len()).rev().filter(|&position| self.key_is(position, name));
        let Some(last) = positions.next() else { return Ok(None) };
        if positions.next().is_some() { Err(self.value(last)) } else { Ok(Some(self.value(last))) }
    }

    /// The payload as one value, a map or a list.
    pub fn as_value(&self) -> Value<'a> {
        let shape = Shape::new(if self.is_list() { Kind::List } else { Kind::Map });
        let source = match self.payload {
            Source::Json(text) => Source::Json(text.trim_ascii()),
            ziproto => ziproto,
        };
        Value { source, shape }
    }

    /// Decodes the whole payload with serde; see [`Value::deserialize`].
    ///
    /// # Errors
    /// The payload does not fit `T`.
    pub fn deserialize<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        deserialize(self.payload(), self.encoding())
    }

    /// Appends the payload as JSON text with a space after each `,` and `:`, as Python writes it.
    ///
    /// It is for people to read: ZiProto's `bin` values appear as lists of numbers, NaN and the infinities, which JSON
    /// does not have, as `NaN`, `Infinity` and `-Infinity`.
    pub fn write_json_spaced(&self, out: &mut BytesMut) {
        write_spaced(self.payload(), self.encoding(), out);
    }

    #[inline]
    fn entry(&self, position: usize) -> &'a Entry {
        &self.index.entries[position]
    }

    #[inline]
    fn span(&self, (start, end): (u32, u32)) -> &'a [u8] {
        &self.payload()[start as usize..end as usize]
    }

    #[inline]
    fn part(&self, (start, end): (u32, u32)) -> Source<'a> {
        self.payload.part(start as usize, end as usize)
    }

    /// Calls `with` with the JSON text of a key that is no string.
    fn other_key<R>(&self, span: &[u8], with: impl FnOnce(&[u8]) -> R) -> R {
        match ziproto::read(span, 0) {
            Ok((token, _)) => ziproto::key_text(token, with),
            // The index has read this very token.
            Err(_) => with(b"null"),
        }
    }
}

/// The payload as JSON text with spaces after `,` and `:`, as Python writes it.
impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_value().fmt(f)
    }
}
