use serde::de::{self, DeserializeSeed, Deserializer as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::token::{Token, read};
use crate::wire::DecodeError;

/// How deep lists and maps may nest, whatever the scan's limit is: serde recurses.
const DEEPEST: u8 = 128;

/// Decodes a value.
///
/// It is not left to rmp-serde, which takes a map's integer key for the number of a struct's field: `{0: "x"}` would
/// set the first field, whatever its name.
pub(crate) fn deserialize<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    let mut reader = Reader { rest: bytes, depth: DEEPEST };
    let value = T::deserialize(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(DecodeError::new("a list or a map holds too much")) }
}

struct Reader<'de> {
    rest: &'de [u8],
    /// How many levels more there may be.
    depth: u8,
}

fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::new("a string is not UTF-8"))
}

impl<'de> Reader<'de> {
    #[inline(never)]
    fn token(&mut self) -> Result<Token<'de>, DecodeError> {
        let (token, next) = read(self.rest, 0).map_err(|fault| DecodeError::new(fault.reason()))?;
        self.rest = self.rest.get(next..).unwrap_or_default();
        Ok(token)
    }

    /// A string of at most 31 bytes, which most names and many values are, without the way through all other tokens.
    #[inline(always)]
    fn short_text(&mut self) -> Option<&'de [u8]> {
        let (marker @ 0xa0..=0xbf, rest) = self.rest.split_first()? else { return None };
        let (text, rest) = rest.split_at_checked(usize::from(marker & 0x1f))?;
        self.rest = rest;
        Some(text)
    }

    /// The count of a list or a map of at most 15, whose markers begin at `least`.
    #[inline(always)]
    fn short_count(&mut self, least: u8) -> Option<u32> {
        let (marker, rest) = self.rest.split_first()?;
        let count = marker.wrapping_sub(least);
        if count > 15 {
            return None;
        }
        self.rest = rest;
        Some(count.into())
    }

    /// Hands over a value, whatever it is.
    fn visit<V: Visitor<'de>>(&mut self, token: Token<'de>, visitor: V) -> Result<V::Value, DecodeError> {
        match token {
            Token::Nil => visitor.visit_unit(),
            Token::Bool(value) => visitor.visit_bool(value),
            Token::Unsigned(number) => visitor.visit_u64(number),
            Token::Negative(number) => visitor.visit_i64(number),
            Token::Float(number) => visitor.visit_f64(number),
            Token::Text(bytes) => visitor.visit_borrowed_str(text(bytes)?),
            Token::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Token::List(left) => self.list(left, visitor),
            Token::Map(left) => self.map(left, visitor),
        }
    }

    #[inline]
    fn list<V: Visitor<'de>>(&mut self, left: u32, visitor: V) -> Result<V::Value, DecodeError> {
        self.enter()?;
        let mut items = Items { reader: self, left };
        let value = visitor.visit_seq(&mut items)?;
        items.finish(value)
    }

    #[inline]
    fn map<V: Visitor<'de>>(&mut self, left: u32, visitor: V) -> Result<V::Value, DecodeError> {
        self.enter()?;
        let mut items = Items { reader: self, left };
        let value = visitor.visit_map(&mut items)?;
        items.finish(value)
    }

    /// Goes a level deeper.
    #[inline]
    fn enter(&mut self) -> Result<(), DecodeError> {
        match self.depth.checked_sub(1) {
            Some(depth) => self.depth = depth,
            None => return Err(DecodeError::new("it nests too deeply")),
        }
        Ok(())
    }
}

/// Takes the token that is asked for the short way; any other is left to the visitor, which says what is wrong.
macro_rules! direct {
    ($($method:ident: $token:ident => |$reader:ident, $inner:ident, $visitor:ident| $visit:expr;)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, $visitor: V) -> Result<V::Value, DecodeError> {
            let $reader = self;
            match $reader.token()? {
                Token::$token($inner) => $visit,
                token => $reader.visit(token, $visitor),
            }
        })*
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let token = self.token()?;
        self.visit(token, visitor)
    }

    direct! {
        deserialize_u8: Unsigned => |reader, number, visitor| visitor.visit_u64(number);
        deserialize_u16: Unsigned => |reader, number, visitor| visitor.visit_u64(number);
        deserialize_u32: Unsigned => |reader, number, visitor| visitor.visit_u64(number);
        deserialize_u64: Unsigned => |reader, number, visitor| visitor.visit_u64(number);
        deserialize_f64: Float => |reader, number, visitor| visitor.visit_f64(number);
        deserialize_bool: Bool => |reader, value, visitor| visitor.visit_bool(value);
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.short_text() {
            Some(bytes) => visitor.visit_borrowed_str(text(bytes)?),
            None => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.short_count(0x80) {
            Some(left) => self.map(left, visitor),
            None => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.short_count(0x90) {
            Some(left) => self.list(left, visitor),
            None => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_map(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if let Some((0xc0, rest)) = self.rest.split_first() {
            self.rest = rest;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    /// A string is a unit variant; a map of one pair is a variant with what it holds.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.token()? {
            Token::Text(name) => visitor.visit_enum(text(name)?.into_deserializer()),
            Token::Map(1) => {
                self.enter()?;
                let value = visitor.visit_enum(Variant { reader: &mut *self })?;
                self.depth += 1;
                Ok(value)
            }
            Token::Map(_) => Err(de::Error::invalid_value(Unexpected::Map, &"a map of one variant")),
            _ => Err(DecodeError::new("a string or a map was expected for an enum's variant")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match super::skip(self.rest, 0).and_then(|end| self.rest.get(end..)) {
            Some(rest) => self.rest = rest,
            None => return Err(DecodeError::new("the payload ends early")),
        }
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// What is left of a list or a map.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: u32,
}

impl Items<'_, '_> {
    /// A tuple that is shorter than the list must not leave the rest to be read as something else.
    fn finish<V>(&mut self, value: V) -> Result<V, DecodeError> {
        self.reader.depth += 1;
        if self.left == 0 { Ok(value) } else { Err(DecodeError::new("a list or a map holds too much")) }
    }
}

impl<'de> de::SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

impl<'de> de::MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let token = match self.reader.short_text() {
            Some(text) => Token::Text(text),
            None => self.reader.token()?,
        };
        seed.deserialize(Key { token }).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

/// A map's key: its JSON text, unless a number or a boolean is asked for.
struct Key<'de> {
    token: Token<'de>,
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            match self.token {
                Token::Unsigned(number) => visitor.visit_u64(number),
                Token::Negative(number) => visitor.visit_i64(number),
                Token::Text(bytes) => self.number(text(bytes)?, visitor),
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Key<'de> {
    /// A number written as text, as it is in a payload that was JSON once.
    fn number<V: Visitor<'de>>(self, text: &'de str, visitor: V) -> Result<V::Value, DecodeError> {
        // `+1` and `01` are names, not numbers.
        let canonical = |number: &dyn std::fmt::Display| number.to_string() == text;
        match (text.parse::<u64>(), text.parse::<i64>()) {
            (Ok(number), _) if canonical(&number) => visitor.visit_u64(number),
            (_, Ok(number)) if canonical(&number) => visitor.visit_i64(number),
            _ => self.deserialize_any(visitor),
        }
    }
}

impl<'de> de::Deserializer<'de> for Key<'de> {
    type Error = DecodeError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.token {
            Token::Text(bytes) => visitor.visit_borrowed_str(text(bytes)?),
            token => super::key_text(token, |bytes| visitor.visit_str(text(bytes)?)),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.token {
            Token::Bool(value) => visitor.visit_bool(value),
            Token::Text(b"true") => visitor.visit_bool(true),
            Token::Text(b"false") => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        super::key_text(self.token, |bytes| visitor.visit_enum(text(bytes)?.into_deserializer()))
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The one pair of a map that stands for an enum's variant.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let token = self.reader.token()?;
        Ok((seed.deserialize(Key { token })?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        de::Deserialize::deserialize(self.reader)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.reader.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.reader.deserialize_any(visitor)
    }
}
