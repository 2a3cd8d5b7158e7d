use crate::wire::fault::Fault;

/// A value's first bytes, and the rest of it where it is no list and no map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    /// Below zero, always.
    Negative(i64),
    Float(f64),
    /// Not checked to be UTF-8.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// How many values follow.
    List(u32),
    /// How many pairs follow.
    Map(u32),
}

/// The token at `at`, and where the next one begins.
///
/// # Errors
/// What is wrong with the bytes here: they end early, or the type is none of ZiProto's.
#[inline(always)]
pub(crate) fn read(bytes: &[u8], at: usize) -> Result<(Token<'_>, usize), Fault> {
    let Some(&marker) = bytes.get(at) else { return Err(Fault::Early) };
    let at = at + 1;
    macro_rules! int {
        ($int:ty) => {{
            const SIZE: usize = size_of::<$int>();
            match bytes.get(at..).and_then(<[u8]>::first_chunk::<SIZE>) {
                Some(chunk) => (<$int>::from_be_bytes(*chunk), at + SIZE),
                None => return Err(Fault::Early),
            }
        }};
    }
    macro_rules! unsigned {
        ($int:ty) => {{
            let (number, next) = int!($int);
            Ok((Token::Unsigned(number.into()), next))
        }};
    }
    macro_rules! signed {
        ($int:ty) => {{
            let (number, next) = int!($int);
            let number = i64::from(number);
            let token = if number < 0 { Token::Negative(number) } else { Token::Unsigned(number as u64) };
            Ok((token, next))
        }};
    }
    macro_rules! span {
        ($kind:ident, $length:expr) => {{
            let (length, at): (_, usize) = $length;
            match at.checked_add(length as usize).and_then(|end| Some((bytes.get(at..end)?, end))) {
                Some((span, end)) => Ok((Token::$kind(span), end)),
                None => Err(Fault::Early),
            }
        }};
    }
    macro_rules! count {
        ($kind:ident, $int:ty) => {{
            let (count, next) = int!($int);
            Ok((Token::$kind(count.into()), next))
        }};
    }
    match marker {
        0x00..=0x7f => Ok((Token::Unsigned(marker.into()), at)),
        0x80..=0x8f => Ok((Token::Map((marker & 0x0f).into()), at)),
        0x90..=0x9f => Ok((Token::List((marker & 0x0f).into()), at)),
        0xa0..=0xbf => span!(Text, (marker & 0x1f, at)),
        0xc0 => Ok((Token::Nil, at)),
        0xc2 => Ok((Token::Bool(false), at)),
        0xc3 => Ok((Token::Bool(true), at)),
        0xc4 => span!(Bytes, int!(u8)),
        0xc5 => span!(Bytes, int!(u16)),
        0xc6 => span!(Bytes, int!(u32)),
        0xca => {
            let (number, next) = int!(u32);
            Ok((Token::Float(f32::from_bits(number).into()), next))
        }
        0xcb => {
            let (number, next) = int!(u64);
            Ok((Token::Float(f64::from_bits(number)), next))
        }
        0xcc => unsigned!(u8),
        0xcd => unsigned!(u16),
        0xce => unsigned!(u32),
        0xcf => unsigned!(u64),
        0xd0 => signed!(i8),
        0xd1 => signed!(i16),
        0xd2 => signed!(i32),
        0xd3 => signed!(i64),
        0xd9 => span!(Text, int!(u8)),
        0xda => span!(Text, int!(u16)),
        0xdb => span!(Text, int!(u32)),
        0xdc => count!(List, u16),
        0xdd => count!(List, u32),
        0xde => count!(Map, u16),
        0xdf => count!(Map, u32),
        0xe0..=0xff => Ok((Token::Negative((marker as i8).into()), at)),
        0xc1 => Err(Fault::C1),
        0xc7..=0xc9 | 0xd4..=0xd8 => Err(Fault::Ext),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_follow_the_number_not_the_marker() {
        assert_eq!(read(&[0xd0, 5], 0), Ok((Token::Unsigned(5), 2)));
        assert_eq!(read(&[0xd0, 0x80], 0), Ok((Token::Negative(-128), 2)));
        assert_eq!(read(&[0xff], 0), Ok((Token::Negative(-1), 1)));
        assert_eq!(read(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], 0), Ok((Token::Negative(i64::MIN), 9)));
    }

    #[test]
    fn ext_types_and_short_input_are_refused() {
        for marker in [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8] {
            assert!(read(&[marker, 0, 0, 0, 0, 0, 0, 0, 0], 0).is_err(), "{marker:x}");
        }
        assert!(read(&[], 0).is_err());
        assert!(read(&[0xa3, b'a', b'b'], 0).is_err());
        assert!(read(&[0xdb, 0xff, 0xff, 0xff, 0xff], 0).is_err());
        assert!(read(&[0xcb, 0, 0], 0).is_err());
    }
}
