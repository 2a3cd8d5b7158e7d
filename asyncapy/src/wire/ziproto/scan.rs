use super::token::{Token, read};
use crate::wire::PayloadError;
use crate::wire::fault::Fault;
use crate::wire::index::{Entry, Form, KeyKind, Limits};
use crate::wire::value::{Kind, Shape};

/// A list or a map that is being read: what is left of it, and whether pairs or values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    left: u32,
    map: bool,
}

/// Checks a payload whole and notes its top-level fields or elements; whether it is a list.
pub(crate) fn scan(
    payload: &[u8],
    limits: Limits,
    form: Form,
    entries: &mut Vec<Entry>,
    levels: &mut Vec<Level>,
) -> Result<bool, PayloadError> {
    levels.clear();
    let mut scanner = Scanner { bytes: payload, at: 0, limits, levels };
    scanner.payload(form, entries).map_err(|fault| fault.at(scanner.at))
}

/// Checks a payload that is any single value.
pub(crate) fn check(payload: &[u8], limits: Limits, levels: &mut Vec<Level>) -> Result<(), PayloadError> {
    levels.clear();
    let mut scanner = Scanner { bytes: payload, at: 0, limits, levels };
    scanner.single().map_err(|fault| fault.at(scanner.at))
}

#[inline(always)]
fn check_utf8(text: &[u8]) -> Result<(), Fault> {
    if is_ascii(text) || std::str::from_utf8(text).is_ok() { Ok(()) } else { Err(Fault::Utf8) }
}

/// Most strings are ASCII, and short.
#[inline(always)]
fn is_ascii(text: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The last word overlaps the one before it, so that no byte is looked at alone.
    if let Some(last) = text.last_chunk() {
        let words = text.chunks_exact(8).filter_map(<[u8]>::first_chunk);
        let seen = words.fold(u64::from_le_bytes(*last), |seen, word| seen | u64::from_le_bytes(*word));
        return seen & HIGH == 0;
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u32::from_le_bytes(*first) | u32::from_le_bytes(*last)) & HIGH as u32 == 0;
    }
    text.iter().fold(0, |seen, byte| seen | byte) & HIGH as u8 == 0
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    levels: &'a mut Vec<Level>,
}

impl<'a> Scanner<'a> {
    #[inline]
    fn payload(&mut self, form: Form, entries: &mut Vec<Entry>) -> Result<bool, Fault> {
        let count = match self.token()? {
            Token::Map(count) => count,
            Token::List(count) if form == Form::Arguments => {
                return self.elements(count, entries).map(|()| true);
            }
            _ => return Err(if form == Form::Map { Fault::NoMap } else { Fault::NoArguments }),
        };
        if self.limits.depth == 0 {
            return Err(Fault::TooDeep);
        }
        self.limits.count()?;
        self.fits(count, true)?;
        for _ in 0..count {
            let start = self.at;
            let (key, key_kind) = match self.token()? {
                Token::Text(text) => {
                    check_utf8(text)?;
                    (self.at - text.len(), KeyKind::Plain)
                }
                Token::Unsigned(_) | Token::Negative(_) | Token::Bool(_) | Token::Nil => {
                    (start, KeyKind::Other)
                }
                _ => return Err(Fault::BadKey),
            };
            let value = self.at;
            let kind = self.value()?;
            entries.push(Entry {
                key: (key as u32, value as u32),
                value: (value as u32, self.at as u32),
                key_kind,
                shape: Shape::new(kind),
            });
        }
        if self.at == self.bytes.len() { Ok(false) } else { Err(Fault::Trailing) }
    }

    /// A payload that is a list whose header was read.
    fn elements(&mut self, count: u32, entries: &mut Vec<Entry>) -> Result<(), Fault> {
        if self.limits.depth == 0 {
            return Err(Fault::TooDeep);
        }
        self.limits.count()?;
        self.fits(count, false)?;
        for _ in 0..count {
            let start = self.at;
            let shape = Shape::new(self.value()?);
            let value = (start as u32, self.at as u32);
            entries.push(Entry { key: (0, 0), value, key_kind: KeyKind::None, shape });
        }
        self.end()
    }

    /// A payload that is any value.
    fn single(&mut self) -> Result<(), Fault> {
        self.value()?;
        self.end()
    }

    /// The end of a payload that is no map.
    #[inline]
    fn end(&self) -> Result<(), Fault> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(Fault::AfterValue) }
    }

    #[inline(always)]
    fn token(&mut self) -> Result<Token<'a>, Fault> {
        let (token, next) = read(self.bytes, self.at)?;
        self.at = next;
        Ok(token)
    }

    /// Whether so many values or pairs could stand in the bytes that are left: each takes at least one byte or two.
    #[inline]
    fn fits(&self, count: u32, map: bool) -> Result<(), Fault> {
        let left = (self.bytes.len() - self.at) as u64;
        if u64::from(count) << u8::from(map) > left {
            return Err(Fault::Length);
        }
        Ok(())
    }

    /// A value and all that is in it.
    #[inline]
    fn value(&mut self) -> Result<Kind, Fault> {
        self.limits.count()?;
        match self.token()? {
            Token::List(count) => self.container(Level { left: count, map: false }).map(|()| Kind::List),
            Token::Map(count) => self.container(Level { left: count, map: true }).map(|()| Kind::Map),
            Token::Text(text) => check_utf8(text).map(|()| Kind::Text),
            token => Ok(token.kind()),
        }
    }

    /// What is in a list or a map whose header was read.
    fn container(&mut self, mut level: Level) -> Result<(), Fault> {
        self.fits(level.left, level.map)?;
        if self.limits.depth < 2 {
            return Err(Fault::TooDeep);
        }
        loop {
            while level.left == 0 {
                match self.levels.pop() {
                    Some(outer) => level = outer,
                    None => return Ok(()),
                }
            }
            level.left -= 1;
            if level.map {
                match self.token()? {
                    Token::Text(text) => check_utf8(text)?,
                    Token::Unsigned(_) | Token::Negative(_) | Token::Bool(_) | Token::Nil => {}
                    _ => return Err(Fault::BadKey),
                }
            }
            self.limits.count()?;
            let inner = match self.token()? {
                Token::Text(text) => {
                    check_utf8(text)?;
                    continue;
                }
                Token::List(left) => Level { left, map: false },
                Token::Map(left) => Level { left, map: true },
                _ => continue,
            };
            self.fits(inner.left, inner.map)?;
            // The payload's map and the container that this function began with are not among the levels.
            if self.levels.len() + 3 > usize::from(self.limits.depth) {
                return Err(Fault::TooDeep);
            }
            self.levels.push(level);
            level = inner;
        }
    }
}

impl Token<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Token::Nil => Kind::Null,
            Token::Bool(_) => Kind::Bool,
            Token::Unsigned(_) | Token::Negative(_) => Kind::Integer,
            Token::Float(_) => Kind::Float,
            Token::Text(_) => Kind::Text,
            Token::Bytes(_) => Kind::Bytes,
            Token::List(_) => Kind::List,
            Token::Map(_) => Kind::Map,
        }
    }
}

/// Where the value at `at` ends, in bytes that [`scan`] has checked.
pub(crate) fn skip(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    let mut left = 1u64;
    while left > 0 {
        left -= 1;
        let (token, next) = read(bytes, at).ok()?;
        at = next;
        match token {
            Token::List(count) => left += u64::from(count),
            Token::Map(count) => left += 2 * u64::from(count),
            _ => {}
        }
    }
    Some(at)
}

/// Calls `with` with a key's JSON text (protocol V2, rule 8): `1`, `true`, `null`, or the string itself.
#[inline]
pub(crate) fn key_text<R>(token: Token<'_>, with: impl FnOnce(&[u8]) -> R) -> R {
    match token {
        Token::Text(text) => with(text),
        Token::Unsigned(number) => with(itoa::Buffer::new().format(number).as_bytes()),
        Token::Negative(number) => with(itoa::Buffer::new().format(number).as_bytes()),
        Token::Bool(true) => with(b"true"),
        Token::Bool(false) => with(b"false"),
        // The scan lets no other key through than nil.
        _ => with(b"null"),
    }
}
