use std::borrow::Cow;

use super::index::Limits;
use super::json::{self, Scanner};
use super::source::Source;
use super::value::Shape;
use super::ziproto::{self, Token};
use super::{Encoding, Kind, Value};

/// What is left of a list or a map that has been checked.
#[derive(Clone, Copy, Debug)]
struct Rest<'a> {
    source: Source<'a>,
    at: usize,
    /// ZiProto alone: JSON says where it ends.
    left: u32,
}

impl<'a> Rest<'a> {
    fn new(value: &Value<'a>, kind: Kind) -> Option<Self> {
        if value.kind() != kind {
            return None;
        }
        let (at, left) = match value.source {
            Source::Json(_) => (1, 0),
            Source::ZiProto(bytes) => match ziproto::read(bytes, 0).ok()? {
                (Token::List(count) | Token::Map(count), at) => (at, count),
                _ => return None,
            },
        };
        Some(Self { source: value.source, at, left })
    }

    /// Whether another item begins here, after the comma that stands before it.
    #[inline(always)]
    fn begins(&mut self) -> Option<()> {
        match self.source.encoding() {
            Encoding::Json => {
                let mut scanner = self.scanner();
                match scanner.visible().ok()? {
                    b'}' | b']' => return None,
                    b',' => {
                        scanner.at += 1;
                        scanner.visible().ok()?;
                    }
                    _ => {}
                }
                self.at = scanner.at;
            }
            Encoding::ZiProto => self.left = self.left.checked_sub(1)?,
        }
        Some(())
    }

    #[inline(always)]
    fn scanner(&self) -> Scanner<'a> {
        Scanner::new(self.source.bytes(), self.at, Limits::CHECKED)
    }

    #[inline(always)]
    fn value(&mut self) -> Option<Value<'a>> {
        let (shape, end) = match self.source.encoding() {
            Encoding::Json => match json::short_text(self.source.bytes(), self.at) {
                Some(end) => (Shape::new(Kind::Text), end),
                None => {
                    let mut scanner = self.scanner();
                    (scanner.value().ok()?, scanner.at)
                }
            },
            Encoding::ZiProto => {
                let (token, next) = ziproto::read(self.source.bytes(), self.at).ok()?;
                let end = match token {
                    Token::List(_) | Token::Map(_) => ziproto::skip(self.source.bytes(), self.at)?,
                    _ => next,
                };
                (Shape::new(token.kind()), end)
            }
        };
        let value = Value { source: self.source.part(self.at, end), shape };
        self.at = end;
        Some(value)
    }

    #[inline]
    fn key(&mut self) -> Option<Cow<'a, str>> {
        match self.source.encoding() {
            Encoding::Json => {
                let mut scanner = self.scanner();
                let (start, text) = scanner.key().ok()?;
                self.at = scanner.at;
                let inside = std::str::from_utf8(&self.source.bytes()[start..start + text.length]).ok()?;
                Some(if text.escaped { json::unescape(inside) } else { Cow::Borrowed(inside) })
            }
            Encoding::ZiProto => {
                let (token, next) = ziproto::read(self.source.bytes(), self.at).ok()?;
                self.at = next;
                if let Token::Text(text) = token {
                    return std::str::from_utf8(text).ok().map(Cow::Borrowed);
                }
                Some(Cow::Owned(ziproto::key_text(token, |text| String::from_utf8_lossy(text).into_owned())))
            }
        }
    }
}

/// The values of a list, one by one; see [`Value::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Rest<'a>);

impl<'a> Elements<'a> {
    pub(super) fn new(value: &Value<'a>) -> Option<Self> {
        Rest::new(value, Kind::List).map(Self)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        self.0.begins()?;
        self.0.value()
    }

    /// ZiProto says how many there are; JSON does not.
    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.0.source.encoding() {
            Encoding::Json => (0, None),
            Encoding::ZiProto => (self.0.left as usize, Some(self.0.left as usize)),
        }
    }
}

/// The pairs of a map, one by one; see [`Value::entries`].
#[derive(Clone, Debug)]
pub struct Entries<'a>(Rest<'a>);

impl<'a> Entries<'a> {
    pub(super) fn new(value: &Value<'a>) -> Option<Self> {
        Rest::new(value, Kind::Map).map(Self)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Cow<'a, str>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.begins()?;
        Some((self.0.key()?, self.0.value()?))
    }
}
