use std::fmt;

use super::fault::Fault;
use super::value::Shape;
use super::{Encoding, json, ziproto};
use crate::error::{Code, Error};

/// The deepest nesting that any setting allows: as deep as serde_json reads.
const DEEPEST: u16 = 127;

/// So many fields' places are kept from one payload to the next; a connection that sent one huge map does not hold its
/// memory for ever.
const KEPT: usize = 1024;

/// What a payload may hold.
///
/// ```
/// use asyncapy::wire::{Encoding, Index, PayloadError, PayloadLimits};
///
/// let limits = PayloadLimits { depth: 2, ..PayloadLimits::default() };
/// let mut index = Index::default();
/// assert_eq!(index.build(b"{\"a\": [1, 2]}", Encoding::Json, &limits), Ok(()));
/// assert_eq!(index.build(b"{\"a\": [[1]]}", Encoding::Json, &limits), Err(PayloadError::TooDeep));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLimits {
    /// How deep maps and lists may nest; the payload's own map is the first level. More than 127 is read as 127.
    pub depth: u16,
    /// How many values there may be in all: the payload's own map, lists, maps and what they hold; not keys.
    pub nodes: u32,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self { depth: 64, nodes: 65_536 }
    }
}

/// Limits as a scanner uses them up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) depth: u16,
    pub(super) nodes: u32,
}

impl Limits {
    /// For bytes that have been checked.
    pub(super) const CHECKED: Self = Self { depth: DEEPEST, nodes: u32::MAX };

    /// Counts a value.
    #[inline]
    pub(super) fn count(&mut self) -> Result<(), Fault> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Fault::TooManyNodes)?;
        Ok(())
    }
}

/// Why a payload was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadError {
    /// It does not decode in its encoding, or is not a map.
    Malformed {
        /// Where, in bytes from the payload's start.
        offset: usize,
        /// What was expected or found.
        reason: &'static str,
    },
    /// It nests deeper than allowed.
    TooDeep,
    /// It holds more values than allowed.
    TooManyNodes,
}

impl PayloadError {
    /// The code that the client reads.
    pub fn code(&self) -> Code {
        match self {
            PayloadError::Malformed { .. } => Code::RequestMalformed,
            PayloadError::TooDeep | PayloadError::TooManyNodes => Code::PayloadTooComplex,
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PayloadError::Malformed { offset, reason } => write!(f, "{reason}, at byte {offset}"),
            PayloadError::TooDeep => f.write_str(Fault::TooDeep.reason()),
            PayloadError::TooManyNodes => f.write_str(Fault::TooManyNodes.reason()),
        }
    }
}

impl std::error::Error for PayloadError {}

impl From<PayloadError> for Error {
    fn from(error: PayloadError) -> Self {
        Error::Payload(error.to_string())
    }
}

/// How a key stands in the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// The span is the key's text.
    Plain,
    /// The span is a JSON string's inside, with escapes.
    Escaped,
    /// The span is a ZiProto integer, boolean or nil.
    Other,
    /// There is no key: a list's element.
    None,
}

/// What a payload may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A map: a packet.
    Map,
    /// A map or a list: arguments by name or by position.
    Arguments,
}

/// A top-level field or element: where its key and its value lie, and what they are like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: (u32, u32),
    pub(super) value: (u32, u32),
    pub(super) key_kind: KeyKind,
    pub(super) shape: Shape,
}

/// Where the top-level fields of a payload lie: the one pass over a packet that decides whether it is one.
///
/// An index is built again and again in the same place, so that a connection needs one allocation for all its packets.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(super) entries: Vec<Entry>,
    /// Open lists and maps of a ZiProto payload; kept for its allocation alone.
    levels: Vec<ziproto::Level>,
    /// Whether the payload is a list.
    pub(super) list: bool,
}

impl Index {
    /// Checks `payload` whole and notes its top-level fields, in the place of what was noted before.
    ///
    /// After it, everything that reads the payload may trust it: it decodes, its strings are UTF-8, its lengths are
    /// true, it nests no deeper and holds no more than `limits` say. It takes no recursion and no memory but for the
    /// fields' places.
    ///
    /// # Errors
    /// The payload is no map in `encoding`, or exceeds `limits`. The index is then empty.
    #[inline]
    pub fn build(
        &mut self,
        payload: &[u8],
        encoding: Encoding,
        limits: &PayloadLimits,
    ) -> Result<(), PayloadError> {
        self.scan(payload, encoding, limits, Form::Map)
    }

    /// Checks a payload of arguments whole, and notes them: a map's fields, or a list's elements (protocol V3). An
    /// empty payload is an empty map.
    ///
    /// ```
    /// use asyncapy::wire::{Encoding, Index, PayloadLimits, View};
    ///
    /// let mut index = Index::default();
    /// let payload = b"[20, 22]";
    /// index.build_arguments(payload, Encoding::Json, &PayloadLimits::default())?;
    /// let view = View::new(payload, Encoding::Json, &index);
    /// assert!(view.is_list());
    /// assert_eq!(view.nth(1).and_then(|value| value.as_u64()), Some(22));
    /// # Ok::<(), asyncapy::wire::PayloadError>(())
    /// ```
    ///
    /// # Errors
    /// The payload is neither in `encoding`, or exceeds `limits`. The index is then empty.
    #[inline]
    pub fn build_arguments(
        &mut self,
        payload: &[u8],
        encoding: Encoding,
        limits: &PayloadLimits,
    ) -> Result<(), PayloadError> {
        if payload.is_empty() {
            self.clear();
            return Ok(());
        }
        self.scan(payload, encoding, limits, Form::Arguments)
    }

    /// Checks a payload that is any single value, as [`build`](Self::build) checks a map. The index is empty after it.
    ///
    /// # Errors
    /// The payload is no single value in `encoding`, or exceeds `limits`.
    pub fn check_value(
        &mut self,
        payload: &[u8],
        encoding: Encoding,
        limits: &PayloadLimits,
    ) -> Result<(), PayloadError> {
        self.clear();
        // The scanners count a level for the payload's own map, which is not there.
        let limits = Limits { depth: limits.depth.min(DEEPEST) + 1, nodes: limits.nodes };
        match encoding {
            Encoding::Json => json::check(payload, limits),
            Encoding::ZiProto => ziproto::check(payload, limits, &mut self.levels),
        }
    }

    #[inline]
    fn clear(&mut self) {
        self.entries.clear();
        self.list = false;
    }

    #[inline]
    fn scan(
        &mut self,
        payload: &[u8],
        encoding: Encoding,
        limits: &PayloadLimits,
        form: Form,
    ) -> Result<(), PayloadError> {
        self.clear();
        if self.entries.capacity() > KEPT {
            self.entries = Vec::new();
        }
        if u32::try_from(payload.len()).is_err() {
            return Err(PayloadError::Malformed { offset: 0, reason: "4 GiB or more" });
        }
        let limits = Limits { depth: limits.depth.min(DEEPEST), nodes: limits.nodes };
        let built = match encoding {
            Encoding::Json => json::scan(payload, limits, form, &mut self.entries),
            Encoding::ZiProto => ziproto::scan(payload, limits, form, &mut self.entries, &mut self.levels),
        };
        match built {
            Ok(list) => self.list = list,
            Err(_) => self.entries.clear(),
        }
        built.map(|_| ())
    }

    /// How many top-level fields or elements there are, repeated fields counted each.
    #[inline]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
