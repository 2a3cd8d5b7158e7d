use super::string::{HIGH, stops, surrogates};
use crate::wire::index::{Entry, KeyKind, Limits, PayloadError};
use crate::wire::value::{Kind, Shape};

/// Checks a payload whole and notes its top-level fields.
pub(crate) fn scan(payload: &[u8], limits: Limits, entries: &mut Vec<Entry>) -> Result<(), PayloadError> {
    let mut scanner = Scanner::new(payload, 0, limits);
    if scanner.visible()? != b'{' {
        return scanner.refuse("a map was expected");
    }
    scanner.count()?;
    if scanner.limits.depth == 0 {
        return Err(PayloadError::TooDeep);
    }
    scanner.at += 1;
    if scanner.visible()? == b'}' {
        scanner.at += 1;
    } else {
        loop {
            entries.push(scanner.field()?);
            match scanner.visible()? {
                b',' => scanner.at += 1,
                b'}' => break scanner.at += 1,
                _ => return scanner.refuse("`,` or `}` was expected"),
            }
            scanner.visible()?;
        }
    }
    scanner.blank();
    if scanner.at != payload.len() {
        return scanner.refuse("nothing was expected after the map");
    }
    scanner.check_utf8()
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

    #[cold]
    fn refuse<T>(&self, reason: &'static str) -> Result<T, PayloadError> {
        Err(PayloadError::Malformed { offset: self.at, reason })
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
    pub(crate) fn visible(&mut self) -> Result<u8, PayloadError> {
        loop {
            match self.bytes.get(self.at) {
                Some(&byte) if byte > b' ' => return Ok(byte),
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(_) => return self.refuse("a control character"),
                None => return self.refuse("the payload ends early"),
            }
        }
    }

    /// Counts a value.
    #[inline]
    fn count(&mut self) -> Result<(), PayloadError> {
        match self.limits.nodes.checked_sub(1) {
            Some(left) => self.limits.nodes = left,
            None => return Err(PayloadError::TooManyNodes),
        }
        Ok(())
    }

    /// A top-level field, from its key's quote to its value's last byte.
    #[inline]
    fn field(&mut self) -> Result<Entry, PayloadError> {
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
    pub(crate) fn key(&mut self) -> Result<(usize, Text), PayloadError> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return self.refuse("a key was expected");
        }
        self.at += 1;
        let start = self.at;
        let escaped = self.string()?;
        let length = self.at - 1 - start;
        if self.visible()? != b':' {
            return self.refuse("`:` was expected");
        }
        self.at += 1;
        self.visible()?;
        Ok((start, Text { length, escaped }))
    }

    /// A value of any kind that begins here.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Shape, PayloadError> {
        match self.bytes.get(self.at) {
            Some(b'{') => self.container(true).map(|()| Shape::new(Kind::Map)),
            Some(b'[') => self.container(false).map(|()| Shape::new(Kind::List)),
            _ => self.scalar(),
        }
    }

    /// A string, number or literal.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Result<Shape, PayloadError> {
        self.count()?;
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
            _ => self.refuse("a value was expected"),
        }
    }

    #[inline]
    fn literal(&mut self, text: &'static [u8], kind: Kind) -> Result<Shape, PayloadError> {
        if !self.bytes[self.at..].starts_with(text) {
            return self.refuse("a value was expected");
        }
        self.at += text.len();
        Ok(Shape::new(kind))
    }

    /// The digits here; at least one.
    #[inline]
    fn digits(&mut self) -> Result<(), PayloadError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
            self.at += 1;
        }
        if self.at == start { self.refuse("a digit was expected") } else { Ok(()) }
    }

    #[inline]
    fn number(&mut self) -> Result<Kind, PayloadError> {
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
    fn string(&mut self) -> Result<bool, PayloadError> {
        let mut escaped = false;
        loop {
            while let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
                let word = u64::from_le_bytes(*chunk);
                let stops = stops(word);
                self.beyond_ascii |= word & HIGH;
                if stops != 0 {
                    self.at += (stops.trailing_zeros() / 8) as usize;
                    break;
                }
                self.at += 8;
            }
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..0x20) => return self.refuse("a control character in a string"),
                Some(&byte) => {
                    self.beyond_ascii |= u64::from(byte & 0x80);
                    self.at += 1;
                }
                None => return self.refuse("a string does not end"),
            }
        }
    }

    /// An escape, from its backslash on.
    fn escape(&mut self) -> Result<(), PayloadError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match surrogates(&self.bytes[self.at..]) {
                Some((_, length)) => self.at += length,
                None => return self.refuse("an escape that is no character"),
            },
            _ => return self.refuse("an unknown escape"),
        }
        Ok(())
    }

    /// A map or a list and all that is in it.
    fn container(&mut self, map: bool) -> Result<(), PayloadError> {
        // A bit a level, innermost lowest: whether it is a map. `Limits` allows fewer levels than there are bits.
        let mut maps = 0u128;
        let mut depth = 1u16;
        let mut opens = Some(map);
        loop {
            if let Some(map) = opens.take() {
                self.count()?;
                depth += 1;
                if depth > self.limits.depth {
                    return Err(PayloadError::TooDeep);
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
                        return self.refuse(if map {
                            "`,` or `}` was expected"
                        } else {
                            "`,` or `]` was expected"
                        });
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
    fn check_utf8(&self) -> Result<(), PayloadError> {
        if self.beyond_ascii == 0 {
            return Ok(());
        }
        match std::str::from_utf8(self.bytes) {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(PayloadError::Malformed { offset: error.valid_up_to(), reason: "a string is not UTF-8" })
            }
        }
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
