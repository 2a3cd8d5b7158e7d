use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

use super::field::Field;
use super::probe::Probe;

/// The JSON Schema of a typed packet; `#[derive(Packet)]` writes it (feature `spec`).
///
/// It is the type's own `JsonSchema` where it has that. Else it is an object: a property for each field, named as on
/// the wire, with the schema of its type if that has one, and any value if not; doc comments become descriptions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no packet schema",
    note = "derive it: `#[derive(Packet)]` on the struct or enum"
)]
pub trait PacketSchema {
    /// The schema; definitions that it refers to are left with `generator`.
    fn packet_schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A schema that allows anything.
pub fn any_schema() -> Schema {
    Schema::from(true)
}

impl<T: JsonSchema> Probe<T> {
    /// The schema of a field's type.
    pub fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }

    /// The schema that a packet's type has of its own.
    pub fn own_schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(T::json_schema(generator))
    }
}

/// Types without a `JsonSchema`: see [`Probe`].
pub trait Schemaless {
    /// The schema of a field's type.
    fn schema(_: &mut SchemaGenerator) -> Schema {
        any_schema()
    }

    /// The schema that a packet's type has of its own.
    fn own_schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
}

impl<T> Schemaless for Probe<T> {}

/// The schema of an object, field by field.
#[derive(Debug)]
pub struct ObjectSchema {
    schema: Map<String, Value>,
    /// The fields that have no property yet.
    fields: std::slice::Iter<'static, Field>,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl ObjectSchema {
    /// An object without properties; `closed` if it allows none but those of `fields`.
    pub fn new(title: &str, description: &str, closed: bool, fields: &'static [Field]) -> Self {
        let mut schema = Map::new();
        schema.insert("title".to_owned(), title.into());
        if !description.is_empty() {
            schema.insert("description".to_owned(), description.into());
        }
        schema.insert("type".to_owned(), "object".into());
        if closed {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        Self { schema, fields: fields.iter(), properties: Map::new(), required: Vec::new() }
    }

    /// Adds the property of the next field.
    pub fn property(&mut self, mut schema: Schema, description: &str) {
        let Some(field) = self.fields.next() else { return };
        if !description.is_empty() {
            schema.insert("description".to_owned(), description.into());
        }
        if field.is_required() {
            self.required.push(field.name().into());
        }
        self.properties.insert(field.name().to_owned(), schema.to_value());
    }

    /// The schema.
    pub fn finish(mut self) -> Schema {
        self.schema.insert("properties".to_owned(), self.properties.into());
        if !self.required.is_empty() {
            self.schema.insert("required".to_owned(), self.required.into());
        }
        Schema::from(self.schema)
    }
}
