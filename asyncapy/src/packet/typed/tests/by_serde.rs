use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use super::{BOTH, blame, decode, json, payload, read, write};
use crate::packet::{FieldKind, TypedPacket};

/// Writes as serde does, and reads back what it wrote.
#[track_caller]
fn round_trip<T: TypedPacket + Serialize + PartialEq + std::fmt::Debug>(packet: T) {
    for encoding in BOTH {
        let written = write(encoding, &packet);
        assert_eq!(written, payload(encoding, &packet));
        assert_eq!(decode::<T>(encoding, &written).as_ref(), Ok(&packet));
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Place {
    city: String,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(transparent)]
struct Maybe(Option<u8>);

mod doubled {
    use super::*;

    pub(super) fn serialize<S: Serializer>(n: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(n * 2)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        u32::deserialize(deserializer).map(|n| n / 2)
    }
}

/// Fields that serde reads, in a type that the direct path reads. Serde's derives stand before and behind.
#[derive(Serialize, crate::Packet, Deserialize, Debug, PartialEq)]
struct Order {
    place: Place,
    places: Option<BTreeMap<String, Place>>,
    maybe: Maybe,
    pair: (u8, String),
    #[serde(with = "doubled")]
    n: u32,
    #[serde(serialize_with = "doubled::serialize", default)]
    m: u32,
}

fn order() -> Order {
    let place = || Place { city: "Rome".to_owned() };
    Order {
        place: place(),
        places: Some([("home".to_owned(), place())].into()),
        maybe: Maybe(Some(1)),
        pair: (1, "x".to_owned()),
        n: 21,
        m: 0,
    }
}

#[test]
fn other_types_of_fields_go_by_serde() {
    round_trip(order());
    round_trip(Order { places: None, maybe: Maybe(None), ..order() });
    assert_eq!(write(BOTH[0], &Order { m: 4, ..order() }), payload(BOTH[0], &Order { m: 4, ..order() }));
    // As serde has it: what wraps an `Option` may be left out.
    let value = json!({"place": {"city": "Rome"}, "pair": [1, "x"], "n": 42});
    assert_eq!(read(&value), Ok(Order { places: None, maybe: Maybe(None), ..order() }));
    assert_eq!(Order::FIELDS[0].kind(), FieldKind::Any);
    const { assert!(Order::COMPLETE) };
}

#[test]
fn what_serde_refuses_is_told_without_the_value() {
    assert_eq!(
        blame(json::<Order>(r#"{"n":"SECRET"}"#)),
        "ERR_FIELD_INVALID (field `n`): expected u32, found text"
    );
    let refused = blame(json::<Order>(r#"{"place":{}}"#));
    assert_eq!(refused, "ERR_FIELD_INVALID (field `place`): the field `city` is missing in it");
    let refused = blame(json::<Order>(r#"{"place":7}"#));
    assert_eq!(refused, "ERR_FIELD_INVALID (field `place`): expected struct Place, found a whole number");
    assert_eq!(
        blame(json::<Order>(r#"{"place":{"city":"Rome"},"maybe":1,"pair":[1,"x"]}"#)),
        "ERR_FIELD_MISSING (field `n`)"
    );
}

#[derive(Serialize, Deserialize, crate::Packet, Debug, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Move {
    Stop,
    GoTo { x: i32, y: i32 },
    Name(Place),
}

#[derive(Serialize, Deserialize, crate::Packet, Debug, PartialEq)]
enum External {
    Named { x: i32 },
    Tuple(i32, i32),
    New(String),
}

#[derive(Serialize, Deserialize, crate::Packet, Debug, PartialEq)]
#[serde(untagged)]
enum Untagged {
    First { x: i32 },
    Second(Place),
}

#[test]
fn enums_go_by_serde() {
    round_trip(Move::Stop);
    round_trip(Move::GoTo { x: 1, y: -2 });
    round_trip(Move::Name(Place { city: "Rome".to_owned() }));
    round_trip(External::Named { x: 1 });
    round_trip(External::Tuple(1, 2));
    round_trip(External::New("x".to_owned()));
    round_trip(Untagged::First { x: 1 });
    round_trip(Untagged::Second(Place { city: "Rome".to_owned() }));
    const { assert!(!Move::COMPLETE && Move::FIELDS.is_empty()) };
    assert_eq!(blame(json::<Move>("{}")), "ERR_FIELD_MISSING (field `type`)");
    assert_eq!(
        blame(json::<Move>(r#"{"type":"SECRET"}"#)),
        "ERR_FIELD_INVALID: a value is not what was expected: one of `stop`, `go_to`, `name`"
    );
    assert_eq!(
        blame(json::<Untagged>(r#"{"z":1}"#)),
        "ERR_FIELD_INVALID: a packet of this form is not expected"
    );
}

#[derive(Serialize, Deserialize, crate::Packet, Debug, PartialEq)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[test]
fn flattened_fields_go_by_serde() {
    let flat = Flat { id: 1, rest: [("a".to_owned(), json!(2))].into() };
    assert_eq!(read(&json!({"id": 1, "a": 2})).as_ref(), Ok(&flat));
    round_trip(flat);
    const { assert!(!Flat::COMPLETE && Flat::FIELDS.len() == 1) };
}

#[derive(Serialize, Deserialize, crate::Packet, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Generic<T, const N: usize> {
    value: T,
    #[serde(default)]
    list: Vec<T>,
    #[serde(skip)]
    unused: std::marker::PhantomData<[u8; N]>,
}

#[test]
fn type_parameters_go_by_serde() {
    round_trip(Generic::<u8, 2> { value: 1, list: vec![2], unused: std::marker::PhantomData });
    const { assert!(Generic::<u8, 2>::COMPLETE) };
    assert_eq!(Generic::<u8, 2>::FIELDS[0].name(), "value");
    let codes = [r#"{"value":1,"x":2}"#, r#"{"value":1,"value":2}"#, "{}"]
        .map(|text| blame(json::<Generic<u8, 2>>(text)));
    let expected = [
        "ERR_FIELD_UNKNOWN (field `x`)",
        "ERR_FIELD_DUPLICATE (field `value`)",
        "ERR_FIELD_MISSING (field `value`)",
    ];
    assert_eq!(codes, expected);
}

#[derive(Serialize, Deserialize, crate::Packet, Clone, Debug, PartialEq)]
#[serde(from = "Wire", into = "Wire")]
struct Converted {
    inner: u8,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    outer: u8,
}

impl From<Wire> for Converted {
    fn from(wire: Wire) -> Self {
        Self { inner: wire.outer }
    }
}

impl From<Converted> for Wire {
    fn from(converted: Converted) -> Self {
        Self { outer: converted.inner }
    }
}

#[test]
fn conversions_go_by_serde() {
    round_trip(Converted { inner: 3 });
    const { assert!(!Converted::COMPLETE && Converted::FIELDS.is_empty()) };
}
