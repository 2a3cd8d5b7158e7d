//! Strings between their quotes: where they stop, what their escapes mean.

use std::borrow::Cow;

const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
/// The highest bit of each byte: set in bytes beyond ASCII.
pub(crate) const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Marks, in a little-endian word, the bytes that end plain text: quotes, backslashes and control characters.
///
/// The lowest mark is exact; a borrow may set false ones above it.
#[inline]
pub(crate) fn stops(word: u64) -> u64 {
    let quote = word ^ (LOW * 0x22);
    let backslash = word ^ (LOW * 0x5c);
    let hit = |x: u64, least: u64| x.wrapping_sub(LOW * least) & !x;
    (hit(quote, 1) | hit(backslash, 1) | hit(word, 0x20)) & HIGH
}

/// Where a string without escapes of at most seven bytes ends that begins at `at`, if one does: most words do.
#[inline(always)]
pub(crate) fn short_text(bytes: &[u8], at: usize) -> Option<usize> {
    let [b'"', rest @ ..] = bytes.get(at..)? else { return None };
    let word = u64::from_le_bytes(*rest.first_chunk()?);
    let first = stops(word).trailing_zeros() / 8;
    // Without a stop this is a shift by all bits there are, which is none.
    let stop = word.checked_shr(first * 8)? as u8;
    (stop == b'"').then_some(at + 2 + first as usize)
}

/// The character that `\uXXXX`, or a pair of them, stands for, and how many bytes it takes.
pub(crate) fn surrogates(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let bytes = bytes.get(at..at + 6)?;
        if bytes[0] != b'\\' || bytes[1] != b'u' {
            return None;
        }
        bytes[2..].iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
    };
    match unit(0)? {
        high @ 0xd800..0xdc00 => match unit(6)? {
            low @ 0xdc00..0xe000 => {
                let code = 0x1_0000 + ((high - 0xd800) << 10 | (low - 0xdc00));
                char::from_u32(code).map(|character| (character, 12))
            }
            _ => None,
        },
        code => char::from_u32(code).map(|character| (character, 6)),
    }
}

/// The escape at the front of `raw`: its character, and how many bytes it takes.
fn escape(raw: &[u8]) -> Option<(char, usize)> {
    let character = match raw.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return surrogates(raw),
        &other => char::from(other),
    };
    Some((character, 2))
}

/// The pieces of `raw`: plain text as it is, each escape as its character.
fn pieces(raw: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, length) = match rest.as_bytes().iter().position(|&byte| byte == b'\\') {
            Some(0) => {
                let (character, length) = escape(rest.as_bytes())?;
                (Piece::Escape(character), length)
            }
            Some(length) => (Piece::Plain(&rest[..length]), length),
            None => (Piece::Plain(rest), rest.len()),
        };
        rest = &rest[length..];
        Some(piece)
    })
}

enum Piece<'a> {
    Plain(&'a str),
    Escape(char),
}

/// The text of a string that a [`Scanner`](super::Scanner) has checked, given what stands between its quotes.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    for piece in pieces(raw) {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Escape(character) => text.push(character),
        }
    }
    Cow::Owned(text)
}

/// Whether the text of `raw` is `text`; no allocation.
pub(crate) fn equals(raw: &str, text: &str) -> bool {
    let mut rest = text;
    for piece in pieces(raw) {
        let after = match piece {
            Piece::Plain(plain) => rest.strip_prefix(plain),
            Piece::Escape(character) => rest.strip_prefix(character),
        };
        match after {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_stop_is_exact() {
        for byte in 0..=255u8 {
            for at in 0..8 {
                let mut word = [b'a'; 8];
                word[at] = byte;
                let found = stops(u64::from_le_bytes(word));
                let stop = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(found != 0, stop, "{byte:#x}");
                assert!(!stop || found.trailing_zeros() as usize / 8 == at, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn escapes_are_read() {
        let raw = r#"a\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00z"#;
        let text = "a\"\\/\u{8}\u{c}\n\r\téé😀z";
        assert_eq!(unescape(raw), text);
        assert!(equals(raw, text));
        assert!(!equals(raw, &text[1..]));
        assert!(!equals(raw, &text[..text.len() - 1]));
        assert!(matches!(unescape("plain"), Cow::Borrowed("plain")));
    }
}
