use std::fmt::Display;
use std::marker::PhantomData;

use bytes::BytesMut;
use serde::ser::{self, Impossible, Serialize};

use super::EncodeError;

type Written = Result<(), EncodeError>;

/// How an encoding writes what serde hands over.
pub(super) trait Format {
    fn null(out: &mut BytesMut);
    fn boolean(value: bool, out: &mut BytesMut);
    fn signed(number: i64, out: &mut BytesMut);
    fn unsigned(number: u64, out: &mut BytesMut);
    fn wide_signed(number: i128, out: &mut BytesMut) -> Written;
    fn wide_unsigned(number: u128, out: &mut BytesMut) -> Written;
    fn float(number: f64, out: &mut BytesMut) -> Written;
    fn short_float(number: f32, out: &mut BytesMut) -> Written;
    fn text(text: &str, out: &mut BytesMut);
    fn bytes(bytes: &[u8], out: &mut BytesMut);
    /// Begins a map or a list of so many items, if that is known.
    fn open(map: bool, declared: Option<usize>, out: &mut BytesMut) -> Open;
    /// What stands before an item.
    fn separate(open: &Open, out: &mut BytesMut);
    /// What stands between a key and its value.
    fn pair(out: &mut BytesMut);
    fn close(open: &Open, out: &mut BytesMut) -> Written;
    /// A key that is no string, which `write` appends as a value.
    fn key(write: impl FnOnce(&mut BytesMut) -> Written, out: &mut BytesMut) -> Written;
}

/// A map or a list that is being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) map: bool,
    /// Where its header lies.
    pub(super) start: usize,
    /// How many items it was said to have.
    pub(super) declared: Option<usize>,
    /// How many it has.
    pub(super) items: usize,
}

/// Writes what serde hands over straight into the buffer.
#[derive(Debug)]
pub(super) struct Serializer<'o, F> {
    out: &'o mut BytesMut,
    format: PhantomData<F>,
}

impl<'o, F: Format> Serializer<'o, F> {
    pub(super) fn new(out: &'o mut BytesMut) -> Self {
        Self { out, format: PhantomData }
    }

    #[inline]
    fn open<'a>(&'a mut self, map: bool, declared: Option<usize>) -> Compound<'a, 'o, F> {
        let open = F::open(map, declared, self.out);
        Compound { serializer: self, open, variant: None }
    }

    /// A map of one pair, whose key is an enum's variant and whose value is a map or a list.
    fn open_variant<'a>(&'a mut self, variant: &str, map: bool, declared: usize) -> Compound<'a, 'o, F> {
        let outer = self.variant(variant);
        Compound { variant: Some(outer), ..self.open(map, Some(declared)) }
    }

    fn variant(&mut self, variant: &str) -> Open {
        let mut outer = F::open(true, Some(1), self.out);
        F::separate(&outer, self.out);
        outer.items = 1;
        F::text(variant, self.out);
        F::pair(self.out);
        outer
    }
}

macro_rules! numbers {
    ($($method:ident $from:ty => $format:ident $to:ty;)*) => {
        $(#[inline]
        fn $method(self, number: $from) -> Written {
            F::$format(<$to>::from(number), self.out);
            Ok(())
        })*
    };
}

impl<'a, 'o, F: Format> ser::Serializer for &'a mut Serializer<'o, F> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Compound<'a, 'o, F>;
    type SerializeTuple = Compound<'a, 'o, F>;
    type SerializeTupleStruct = Compound<'a, 'o, F>;
    type SerializeTupleVariant = Compound<'a, 'o, F>;
    type SerializeMap = Compound<'a, 'o, F>;
    type SerializeStruct = Compound<'a, 'o, F>;
    type SerializeStructVariant = Compound<'a, 'o, F>;

    numbers! {
        serialize_bool bool => boolean bool;
        serialize_i8 i8 => signed i64;
        serialize_i16 i16 => signed i64;
        serialize_i32 i32 => signed i64;
        serialize_i64 i64 => signed i64;
        serialize_u8 u8 => unsigned u64;
        serialize_u16 u16 => unsigned u64;
        serialize_u32 u32 => unsigned u64;
        serialize_u64 u64 => unsigned u64;
    }

    fn serialize_i128(self, number: i128) -> Written {
        F::wide_signed(number, self.out)
    }

    fn serialize_u128(self, number: u128) -> Written {
        F::wide_unsigned(number, self.out)
    }

    fn serialize_f32(self, number: f32) -> Written {
        F::short_float(number, self.out)
    }

    #[inline]
    fn serialize_f64(self, number: f64) -> Written {
        F::float(number, self.out)
    }

    fn serialize_char(self, character: char) -> Written {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Written {
        F::text(text, self.out);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Written {
        F::bytes(bytes, self.out);
        Ok(())
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Written {
        F::null(self.out);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Written {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        let outer = self.variant(variant);
        value.serialize(&mut *self)?;
        F::close(&outer, self.out)
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, EncodeError> {
        Ok(self.open(false, length))
    }

    #[inline]
    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, EncodeError> {
        Ok(self.open(false, Some(length)))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleStruct, EncodeError> {
        Ok(self.open(false, Some(length)))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, EncodeError> {
        Ok(self.open_variant(variant, false, length))
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, EncodeError> {
        Ok(self.open(true, length))
    }

    #[inline]
    fn serialize_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStruct, EncodeError> {
        Ok(self.open(true, Some(length)))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, EncodeError> {
        Ok(self.open_variant(variant, true, length))
    }
}

/// A map or a list that serde is handing over, item by item.
#[derive(Debug)]
pub(super) struct Compound<'a, 'o, F> {
    serializer: &'a mut Serializer<'o, F>,
    open: Open,
    /// The map around it that names an enum's variant.
    variant: Option<Open>,
}

impl<F: Format> Compound<'_, '_, F> {
    #[inline]
    fn separate(&mut self) {
        F::separate(&self.open, self.serializer.out);
        self.open.items += 1;
    }

    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.separate();
        value.serialize(&mut *self.serializer)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.separate();
        F::text(key, self.serializer.out);
        F::pair(self.serializer.out);
        value.serialize(&mut *self.serializer)
    }

    #[inline]
    fn finish(self) -> Written {
        F::close(&self.open, self.serializer.out)?;
        match self.variant {
            Some(outer) => F::close(&outer, self.serializer.out),
            None => Ok(()),
        }
    }
}

macro_rules! compound {
    ($($trait:ident $method:ident;)*) => {
        $(impl<F: Format> ser::$trait for Compound<'_, '_, F> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.item(value)
            }

            #[inline]
            fn end(self) -> Written {
                self.finish()
            }
        })*
    };
    (named $($trait:ident)*) => {
        $(impl<F: Format> ser::$trait for Compound<'_, '_, F> {
            type Ok = ();
            type Error = EncodeError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
                self.field(key, value)
            }

            #[inline]
            fn end(self) -> Written {
                self.finish()
            }
        })*
    };
}

compound! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}
compound!(named SerializeStruct SerializeStructVariant);

impl<F: Format> ser::SerializeMap for Compound<'_, '_, F> {
    type Ok = ();
    type Error = EncodeError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.separate();
        key.serialize(Key { out: &mut *self.serializer.out, format: PhantomData::<F> })
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        F::pair(self.serializer.out);
        value.serialize(&mut *self.serializer)
    }

    #[inline]
    fn end(self) -> Written {
        self.finish()
    }
}

/// Writes a map's key, and lets through what may be one (protocol V2, rule 8).
struct Key<'o, F> {
    out: &'o mut BytesMut,
    format: PhantomData<F>,
}

#[cold]
fn no_key<T>(what: impl Display) -> Result<T, EncodeError> {
    Err(EncodeError::new(format!("a map's key must be a string, an integer or a boolean, not {what}")))
}

macro_rules! key_numbers {
    ($($method:ident $from:ty => $format:ident $to:ty;)*) => {
        $(fn $method(self, number: $from) -> Written {
            F::key(|out| { F::$format(<$to>::from(number), out); Ok(()) }, self.out)
        })*
    };
}

macro_rules! no_keys {
    ($($method:ident($($argument:ty),*) -> $ok:ty, $what:literal;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$ok, EncodeError> {
            no_key($what)
        })*
    };
}

impl<F: Format> ser::Serializer for Key<'_, F> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Impossible<(), EncodeError>;
    type SerializeTuple = Impossible<(), EncodeError>;
    type SerializeTupleStruct = Impossible<(), EncodeError>;
    type SerializeTupleVariant = Impossible<(), EncodeError>;
    type SerializeMap = Impossible<(), EncodeError>;
    type SerializeStruct = Impossible<(), EncodeError>;
    type SerializeStructVariant = Impossible<(), EncodeError>;

    key_numbers! {
        serialize_bool bool => boolean bool;
        serialize_i8 i8 => signed i64;
        serialize_i16 i16 => signed i64;
        serialize_i32 i32 => signed i64;
        serialize_i64 i64 => signed i64;
        serialize_u8 u8 => unsigned u64;
        serialize_u16 u16 => unsigned u64;
        serialize_u32 u32 => unsigned u64;
        serialize_u64 u64 => unsigned u64;
    }

    no_keys! {
        serialize_f32(f32) -> (), "a float";
        serialize_f64(f64) -> (), "a float";
        serialize_bytes(&[u8]) -> (), "bytes";
        serialize_none() -> (), "null";
        serialize_unit() -> (), "null";
        serialize_unit_struct(&'static str) -> (), "null";
        serialize_seq(Option<usize>) -> Self::SerializeSeq, "a list";
        serialize_tuple(usize) -> Self::SerializeTuple, "a list";
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct, "a list";
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant, "a map";
        serialize_map(Option<usize>) -> Self::SerializeMap, "a map";
        serialize_struct(&'static str, usize) -> Self::SerializeStruct, "a map";
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant, "a map";
    }

    fn serialize_i128(self, number: i128) -> Written {
        F::key(|out| F::wide_signed(number, out), self.out)
    }

    fn serialize_u128(self, number: u128) -> Written {
        F::key(|out| F::wide_unsigned(number, out), self.out)
    }

    fn serialize_char(self, character: char) -> Written {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Written {
        F::text(text, self.out);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Written {
        no_key("a map")
    }
}
