use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::packet::PacketSchema;

#[derive(Serialize, Deserialize)]
struct Opaque;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Place {
    city: String,
}

/// A login.
///
/// Nothing more.
#[derive(crate::Packet)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is looked at")]
struct Login {
    /// Who it is.
    user: String,
    #[serde(rename = "PIN")]
    pin: u8,
    opaque: Option<Opaque>,
    place: Place,
}

#[test]
fn the_schema_is_made_of_the_fields() {
    let mut generator = SchemaGenerator::default();
    let schema = Login::packet_schema(&mut generator);
    let expected = json!({
        "title": "Login",
        "description": "A login.\n\nNothing more.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "user": {"type": "string", "description": "Who it is."},
            "PIN": {"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255},
            "opaque": true,
            "place": {"$ref": "#/$defs/Place"},
        },
        "required": ["user", "PIN", "place"],
    });
    assert_eq!(schema.to_value(), expected);
    assert!(generator.definitions().contains_key("Place"));
}

#[derive(Serialize, Deserialize, JsonSchema, crate::Packet)]
#[serde(tag = "type")]
enum Move {
    Stop,
    Go { x: u8 },
}

#[test]
fn a_schema_of_the_types_own_is_taken() {
    let own = Move::packet_schema(&mut SchemaGenerator::default());
    assert_eq!(own, Move::json_schema(&mut SchemaGenerator::default()));
}
