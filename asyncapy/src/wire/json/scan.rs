use super::string::{HIGH, stops, surrogates};
use crate::wire::PayloadError;
use crate::wire::fault::Fault;
use crate::wire::index::{Entry, Form, KeyKind, Limits};
use crate::wire::value::{Kind, Shape};

/// Checks a payload whole and notes its top-level fields or elements; whether it is a list.
pub(crate) fn scan(
    payload: &[u8],
    limits: Limits,
    form: Form,
    entries: &mut Vec<Entry>,
) -> Result<bool, PayloadError> {
    let mut scanner = Scanner::new(payload, 0, limits);
    let list = form == Form::Arguments && payload.trim_ascii_start().first() == Some(&b'[');
    let scanned = if list { scanner.elements(entries) } else { scanner.payload(form, entries) };
    scanned.map(|()| list).map_err(|fault| fault.at(scanner.at))
}

/// Checks a payload that is any single value.
pub(crate) fn check(payload: &[u8], limits: Limits) -> Result<(), PayloadError> {
    let mut scanner = Scanner::new(payload, 0, limits);
    scanner.single().map_err(|fault| fault.at(scanner.at))
}

/// Reads JSON from the front, checking it as it goes: no recursion, no allocation.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    /// Where the next byte to read lies.
    pub(crate) at: usize,
    limits: Limits,
    /// Not zero once a byte beyond ASCII was seen; only then is UTF-8 to be checked.
    beyond_ascii: u64,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize, limits: Limits) -> Self {
        Self { bytes, at, limits, beyond_ascii: 0 }
    }

    #[inline]
    fn payload(&mut self, form: Form, entries: &mut Vec<Entry>) -> Result<(), Fault> {
        if self.visible()? != b'{' {
            return Err(if form == Form::Map { Fault::NoMap } else { Fault::NoArguments });
        }
        self.limits.count()?;
        if self.limits.depth == 0 {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        if self.visible()? == b'}' {
            self.at += 1;
        } else {
            loop {
                let entry = self.field()?;
                entries.push(entry);
                match self.visible()? {
                    b',' => self.at += 1,
                    b'}' => break self.at += 1,
                    _ => return Err(Fault::MapGoesOn),
                }
                self.visible()?;
            }
        }
        self.blank();
        if self.at != self.bytes.len() {
            return Err(Fault::Trailing);
        }
        self.check_utf8()
    }

    /// A payload that is a list.
    fn elements(&mut self, entries: &mut Vec<Entry>) -> Result<(), Fault> {
        self.visible()?;
        self.limits.count()?;
        if self.limits.depth == 0 {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        if self.visible()? == b']' {
            self.at += 1;
            return self.end();
        }
        loop {
            self.visible()?;
            let start = self.at;
            let shape = self.value()?;
            let value = (start as u32, self.at as u32);
            entries.push(Entry { key: (0, 0), value, key_kind: KeyKind::None, shape });
            match self.visible()? {
                b',' => self.at += 1,
                b']' => break self.at += 1,
                _ => return Err(Fault::ListGoesOn),
            }
        }
        self.end()
    }

    /// A payload that is any value.
    fn single(&mut self) -> Result<(), Fault> {
        self.visible()?;
        self.value()?;
        self.end()
    }

    /// The end of a payload that is no map.
    #[inline]
    fn end(&mut self) -> Result<(), Fault> {
        self.blank();
        if self.at == self.bytes.len() { self.check_utf8() } else { Err(Fault::AfterValue) }
    }

    /// Skips white space.
    #[inline]
    fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// Skips white space; the byte after it, which is not consumed.
    #[inline]
    pub(crate) fn visible(&mut self) -> Result<u8, Fault> {
        loop {
            match self.bytes.get(self.at) {
                Some(&byte) if byte > b' ' => return Ok(byte),
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(_) => return Err(Fault::Control),
                None => return Err(Fault::Early),
            }
        }
    }

    /// A top-level field, from its key's quote to its value's last byte.
    #[inline]
    fn field(&mut self) -> Result<Entry, Fault> {
        let (key, text) = self.key()?;
        let start = self.at;
        let shape = self.value()?;
        Ok(Entry {
            key: (key as u32, (key + text.length) as u32),
            value: (start as u32, self.at as u32),
            key_kind: if text.escaped { KeyKind::Escaped } else { KeyKind::Plain },
            shape,
        })
    }

    /// A key, its colon and the space up to its value; where its text begins, and what it is like.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<(usize, Text), Fault> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(Fault::NoKey);
        }
        self.at += 1;
        let start = self.at;
        let escaped = self.string()?;
        let length = self.at - 1 - start;
        if self.visible()? != b':' {
            return Err(Fault::NoColon);
        }
        self.at += 1;
        self.visible()?;
        Ok((start, Text { length, escaped }))
    }

    /// A value of any kind that begins here.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Shape, Fault> {
        match self.bytes.get(self.at) {
            Some(b'{') => self.container(true).map(|()| Shape::new(Kind::Map)),
            Some(b'[') => self.container(false).map(|()| Shape::new(Kind::List)),
            _ => self.scalar(),
        }
    }

    /// A string, number or literal.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Result<Shape, Fault> {
        self.limits.count()?;
        match self.bytes.get(self.at) {
            Some(b'"') => {
                self.at += 1;
                let escaped = self.string()?;
                Ok(Shape { kind: Kind::Text, escaped })
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Shape::new),
            Some(b't') => self.literal(b"true", Kind::Bool),
            Some(b'f') => self.literal(b"false", Kind::Bool),
            Some(b'n') => self.literal(b"null", Kind::Null),
            _ => Err(Fault::NoValue),
        }
    }

    #[inline]
    fn literal(&mut self, text: &'static [u8], kind: Kind) -> Result<Shape, Fault> {
        if !self.bytes[self.at..].starts_with(text) {
            return Err(Fault::NoValue);
        }
        self.at += text.len();
        Ok(Shape::new(kind))
    }

    /// The digits here; at least one.
    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(Fault::NoDigit) } else { Ok(()) }
    }

    #[inline]
    fn number(&mut self) -> Result<Kind, Fault> {
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut kind = Kind::Integer;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
            kind = Kind::Float;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
            kind = Kind::Float;
        }
        Ok(kind)
    }

    /// The rest of a string and its closing quote; whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<bool, Fault> {
        let mut escaped = false;
        loop {
            let word = match self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
                Some(chunk) => u64::from_le_bytes(*chunk),
                None => self.last_word(),
            };
            let stops = stops(word);
            self.beyond_ascii |= word & HIGH;
            if stops == 0 {
                self.at += 8;
                continue;
            }
            let first = stops.trailing_zeros() & !7;
            self.at += (first / 8) as usize;
            match (word >> first) as u8 {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ if self.at >= self.bytes.len() => return Err(Fault::Unclosed),
                _ => return Err(Fault::ControlInText),
            }
        }
    }

    /// The bytes that are left, fewer than eight, and zeros behind them.
    #[inline]
    fn last_word(&self) -> u64 {
        let left = self.bytes.len().saturating_sub(self.at);
        match self.bytes.last_chunk() {
            Some(last) if left > 0 => u64::from_le_bytes(*last) >> (64 - 8 * left),
            _ => self.bytes.iter().skip(self.at).rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        }
    }

    /// An escape, from its backslash on.
    fn escape(&mut self) -> Result<(), Fault> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match surrogates(&self.bytes[self.at..]) {
                Some((_, length)) => self.at += length,
                None => return Err(Fault::NoCharacter),
            },
            _ => return Err(Fault::Escape),
        }
        Ok(())
    }

    /// A map or a list and all that is in it.
    fn container(&mut self, map: bool) -> Result<(), Fault> {
        // A bit a level, innermost lowest: whether it is a map. `Limits` allows fewer levels than there are bits.
        let mut maps = 0u128;
        let mut depth = 1u16;
        let mut opens = Some(map);
        loop {
            if let Some(map) = opens.take() {
                self.limits.count()?;
                depth += 1;
                if depth > self.limits.depth {
                    return Err(Fault::TooDeep);
                }
                maps = maps << 1 | u128::from(map);
                self.at += 1;
            }
            let map = maps & 1 == 1;
            let close = if map { b'}' } else { b']' };
            // Here is an item, or the end of a container that has just begun: `,` was consumed otherwise.
            let fresh = matches!(self.bytes[self.at - 1], b'{' | b'[');
            if !(self.visible()? == close && fresh) {
                if map {
                    self.key()?;
                }
                match self.bytes[self.at] {
                    b'{' => opens = Some(true),
                    b'[' => opens = Some(false),
                    _ => {
                        self.scalar()?;
                    }
                }
                if opens.is_some() {
                    continue;
                }
            }
            // Here a value has ended; so, it may be, do the containers around it.
            loop {
                let map = maps & 1 == 1;
                match self.visible()? {
                    b',' => {
                        self.at += 1;
                        break;
                    }
                    b'}' if map => {}
                    b']' if !map => {}
                    _ => {
                        return Err(if map { Fault::MapGoesOn } else { Fault::ListGoesOn });
                    }
                }
                self.at += 1;
                depth -= 1;
                maps >>= 1;
                if depth == 1 {
                    return Ok(());
                }
            }
        }
    }

    /// Checks the encoding of the whole payload, if there is anything to check.
    #[inline]
    fn check_utf8(&mut self) -> Result<(), Fault> {
        if self.beyond_ascii == 0 {
            return Ok(());
        }
        std::str::from_utf8(self.bytes).map(|_| ()).map_err(|error| {
            self.at = error.valid_up_to();
            Fault::Utf8
        })
    }
}

/// What a string is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    /// Bytes between the quotes.
    pub(crate) length: usize,
    /// Whether a backslash is among them.
    pub(crate) escaped: bool,
}
