//! Typed packets: structs and enums that are read from a packet and written as one.
//!
//! - [`TypedPacket`] and [`EncodePacket`]: what a packet's type can do; `#[derive(Packet)]` writes both.
//! - [`Field`]: a line of the table of its fields, against which filters are checked.
//! - `value`: field types that are read straight from the bytes; `probe`: chooses between them and serde.
//! - `decode`, `by_serde`: what the derived code calls.
//! - `schema`: JSON Schemas (feature `spec`).

mod by_serde;
mod decode;
mod encode;
mod field;
mod mismatch;
mod probe;
#[cfg(feature = "spec")]
mod schema;
#[cfg(test)]
mod tests;
mod value;

use crate::error::Rejection;
use crate::wire::View;

pub use encode::EncodePacket;
pub use field::{Field, FieldKind};
#[cfg(feature = "spec")]
pub use schema::PacketSchema;

/// What the derived code calls.
#[doc(hidden)]
pub mod derived {
    pub use super::by_serde::{absent_by_serde, decode_by_serde, encode_by_serde, read_by_serde};
    pub use super::decode::{fill, find, is_next, missing_field, read_next, unknown_field};
    pub use super::encode::{close_json, open_ziproto, write_whole};
    pub use super::mismatch::Mismatch;
    pub use super::probe::{BySerde, Plain, Probe, ReadBySerde, WriteBySerde};
    #[cfg(feature = "spec")]
    pub use super::schema::{ObjectSchema, Schemaless, any_schema};
}

/// A typed packet: a map whose fields have names and types.
///
/// `#[derive(Packet)]` makes a struct with named fields one, or an enum whose variants serde writes as maps. The
/// derived decoder reads the fields where they lie in the packet; it needs no serde impl as long as each field's type
/// is one that it knows (numbers, `bool`, `char`, strings, `Option` and `Vec` of them) or has serde impls itself.
///
/// ```
/// # extern crate asyncapy;
/// use asyncapy::packet::TypedPacket;
///
/// #[derive(asyncapy::Packet)]
/// struct Login {
///     user: String,
///     #[serde(rename = "PIN")]
///     pin: u32,
///     tags: Option<Vec<String>>,
/// }
///
/// let names: Vec<_> = Login::FIELDS.iter().map(|field| field.name()).collect();
/// assert_eq!(names, ["user", "PIN", "tags"]);
/// ```
///
/// # serde's attributes
///
/// They mean here what they mean there, whether or not serde's derives stand beside this one: `rename`, `rename_all`,
/// `alias`, `default`, `skip`, `skip_serializing`, `skip_serializing_if`, `skip_deserializing`, `deny_unknown_fields`,
/// `with`, `serialize_with`, `deserialize_with`. What takes a type off this path (`flatten`, `tag`, `untagged`, `from`,
/// `into`, `remote`, type parameters, enums, any attribute not named here) sends it by its `Serialize` and
/// `Deserialize` impls as a whole, which it then must have.
///
/// # What is refused
///
/// | | code | names |
/// |---|---|---|
/// | a required field is not there | `ERR_FIELD_MISSING` | the field |
/// | a value of another type, or out of range | `ERR_FIELD_INVALID` | the field, and what was expected |
/// | a field that `deny_unknown_fields` does not know | `ERR_FIELD_UNKNOWN` | the field |
/// | a field that stands twice | `ERR_FIELD_DUPLICATE` | the field |
///
/// No message repeats a value that was received. Numbers are read as serde_json reads them: a whole number will do
/// where a float is wanted, never the other way round, and each must fit its type. An `Option` that is not there is
/// `None`, behind a type alias too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed packet",
    label = "not a typed packet",
    note = "derive it: `#[derive(Packet)]` on the struct or enum"
)]
pub trait TypedPacket: EncodePacket + Sized {
    /// The fields that a packet of this type may have, in the order of their declaration.
    const FIELDS: &'static [Field];

    /// Whether [`FIELDS`](Self::FIELDS) tells all of them; not so for enums and flattened fields.
    const COMPLETE: bool;

    /// A struct with a field for each name of [`FIELDS`](Self::FIELDS), so that the compiler itself says which name
    /// is similar when a filter names no field; `Filter` itself, which has what the filter names, where the table is
    /// not complete.
    #[doc(hidden)]
    type Shape<Filter>;

    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// The first field that is missing, invalid, unknown or there twice.
    fn decode_packet(view: View<'_>) -> Result<Self, Rejection>;
}
