use std::marker::PhantomData;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::by_serde::{absent_by_serde, read_by_serde};
use super::field::FieldKind;
use super::mismatch::Mismatch;
use super::value::FieldValue;
use crate::wire::{EncodeError, Encoding, Value, encode};

/// Chooses how a field of type `T` is read and written: straight from the bytes if its type is a `FieldValue`, else
/// by serde.
///
/// Rust looks for `Probe::<T>::read` among the inherent functions first, and those exist only for a `FieldValue`; for
/// any other type it finds the trait [`BySerde`]. So the choice follows the type itself, not how it is spelled: a type
/// alias changes nothing.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T: FieldValue> Probe<T> {
    /// What the field may hold, besides null.
    pub const KIND: FieldKind = T::KIND;

    /// Reads the field.
    #[inline]
    pub fn read(value: Value<'_>) -> Result<T, Mismatch> {
        T::read(value)
    }

    /// The value of a field that is not there, if that may be.
    pub fn absent() -> Option<T> {
        T::absent()
    }

    /// Appends the value in JSON.
    #[inline]
    pub fn write_json(value: &T, out: &mut BytesMut) -> Result<(), EncodeError> {
        value.write_json(out)
    }

    /// Appends the value in ZiProto.
    #[inline]
    pub fn write_ziproto(value: &T, out: &mut BytesMut) -> Result<(), EncodeError> {
        value.write_ziproto(out)
    }
}

impl<T> Probe<Option<T>> {
    /// The field may be left out, or null.
    pub const OPTIONAL: bool = true;
}

/// A type that serde can read; it is here for what the compiler says of one that it cannot.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a packet",
    label = "not readable",
    note = "derive serde's `Deserialize` for it, or leave the field out with `#[serde(skip)]`"
)]
pub trait ReadBySerde: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> ReadBySerde for T {}

/// A type that serde can write; see [`ReadBySerde`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written to a packet",
    label = "not writable",
    note = "derive serde's `Serialize` for it, or leave the field out with `#[serde(skip)]`"
)]
pub trait WriteBySerde: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> WriteBySerde for T {}

/// Fields of all types that are no `FieldValue`.
pub trait BySerde {
    /// The field's type.
    type Target;

    /// Nobody knows what a serde impl accepts.
    const KIND: FieldKind = FieldKind::Any;

    /// Reads the field.
    fn read(value: Value<'_>) -> Result<Self::Target, Mismatch>
    where
        Self::Target: ReadBySerde,
    {
        read_by_serde(value)
    }

    /// The value of a field that is not there, if that may be.
    fn absent() -> Option<Self::Target>
    where
        Self::Target: ReadBySerde,
    {
        absent_by_serde()
    }

    /// Appends the value in JSON.
    fn write_json(value: &Self::Target, out: &mut BytesMut) -> Result<(), EncodeError>
    where
        Self::Target: WriteBySerde,
    {
        encode(value, Encoding::Json, out)
    }

    /// Appends the value in ZiProto.
    fn write_ziproto(value: &Self::Target, out: &mut BytesMut) -> Result<(), EncodeError>
    where
        Self::Target: WriteBySerde,
    {
        encode(value, Encoding::ZiProto, out)
    }
}

impl<T> BySerde for Probe<T> {
    type Target = T;
}

/// Fields of all types that are no `Option`.
pub trait Plain {
    /// The field is required, and not null.
    const OPTIONAL: bool = false;
}

impl<T> Plain for Probe<T> {}
