use std::borrow::Cow;
use std::sync::Arc;

use serde_json::json;

use super::{BOTH, blame, decode, json, read};
use crate::packet::{FieldKind, TypedPacket};
use crate::wire::Encoding;

/// An `Option` that does not look like one.
type Nickname = Option<String>;

#[derive(crate::Packet, Debug, PartialEq)]
struct Login {
    user: String,
    pin: u32,
    nickname: Nickname,
    tags: Option<Vec<String>>,
}

fn login() -> Login {
    Login { user: "ann".to_owned(), pin: 12, nickname: None, tags: None }
}

#[test]
fn fields_come_in_any_order_among_others() {
    assert_eq!(read(&json!({"user": "ann", "pin": 12})), Ok(login()));
    assert_eq!(json(r#"{"x": [1], "pin":12,"y":{}, "tags":["a","b"], "user":"ann"}"#), {
        Ok(Login { tags: Some(vec!["a".to_owned(), "b".to_owned()]), ..login() })
    });
    assert_eq!(json(r#"{"us\u0065r":"\u0061nn","pin":12,"nickname":null}"#), Ok(login()));
}

#[test]
fn what_is_refused_names_the_field_and_never_the_value() {
    assert_eq!(blame(read::<Login>(&json!({"user": "ann"}))), "ERR_FIELD_MISSING (field `pin`)");
    assert_eq!(
        blame(read::<Login>(&json!({"user": "ann", "pin": "secret"}))),
        "ERR_FIELD_INVALID (field `pin`): expected u32 (a whole number from 0 to 4294967295), found text"
    );
    assert_eq!(
        blame(read::<Login>(&json!({"user": "ann", "pin": -1}))),
        "ERR_FIELD_INVALID (field `pin`): expected u32 (a whole number from 0 to 4294967295), found a whole number out of range"
    );
    assert_eq!(
        blame(read::<Login>(&json!({"tags": ["a", 7]}))),
        "ERR_FIELD_INVALID (field `tags`): element 1: expected text, found a whole number"
    );
    assert_eq!(
        blame(read::<Login>(&json!({"user": null}))),
        "ERR_FIELD_INVALID (field `user`): expected text, found null"
    );
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    assert_eq!(
        blame(json::<Login>(r#"{"user":"ann","pin":1,"pin":2}"#)),
        "ERR_FIELD_DUPLICATE (field `pin`)"
    );
    assert_eq!(
        blame(json::<Login>(r#"{"nickname":null,"user":"ann","pin":1,"nickname":null}"#)),
        "ERR_FIELD_DUPLICATE (field `nickname`)"
    );
    // {"pin": 1, "pin": 2}
    assert_eq!(
        blame(decode::<Login>(Encoding::ZiProto, b"\x82\xa3pin\x01\xa3pin\x02")),
        "ERR_FIELD_DUPLICATE (field `pin`)"
    );
    // A field that the type does not know may stand as often as it likes.
    assert_eq!(json(r#"{"x":1,"user":"ann","pin":12,"x":2}"#), Ok(login()));
}

#[derive(crate::Packet, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Renamed {
    user_name: String,
    #[serde(rename(serialize = "out", deserialize = "in"))]
    way: u8,
    #[serde(alias = "colour", alias = "Farbe", default = "red")]
    color: String,
    #[serde(default)]
    r#type: u8,
    #[serde(skip)]
    inner: u64,
    #[serde(skip_deserializing, default = "seven")]
    written: u8,
    #[serde(skip_serializing)]
    read: Option<bool>,
}

fn red() -> String {
    "red".to_owned()
}

fn seven() -> u8 {
    7
}

#[test]
fn names_defaults_and_skips_are_those_of_serde() {
    let renamed = Renamed {
        user_name: "ann".to_owned(),
        way: 1,
        color: red(),
        r#type: 0,
        inner: 0,
        written: 7,
        read: None,
    };
    assert_eq!(read(&json!({"userName": "ann", "in": 1})), Ok(renamed));
    let colors = ["color", "colour", "Farbe"]
        .map(|name| read::<Renamed>(&json!({"userName": "ann", name: "blue", "in": 1})).unwrap().color);
    assert_eq!(colors, ["blue"; 3]);
    assert_eq!(
        blame(json::<Renamed>(r#"{"colour":"a","Farbe":"b"}"#)),
        "ERR_FIELD_DUPLICATE (field `color`)"
    );
    for name in ["user_name", "out", "inner", "written", "x"] {
        let refused = blame(read::<Renamed>(&json!({"userName": "ann", name: 1, "in": 1})));
        assert_eq!(refused, format!("ERR_FIELD_UNKNOWN (field `{name}`)"));
    }
    let long = "x".repeat(65);
    assert!(!blame(read::<Renamed>(&json!({long.as_str(): 1}))).contains(&long));
}

#[test]
fn the_table_tells_names_kinds_and_needs() {
    let fields: Vec<_> = Renamed::FIELDS
        .iter()
        .map(|field| {
            (field.name(), field.kind(), field.is_required(), field.is_nullable(), field.aliases().len())
        })
        .collect();
    let expected = [
        ("userName", FieldKind::Text, true, false, 0),
        ("in", FieldKind::Integer, true, false, 0),
        ("color", FieldKind::Text, false, false, 2),
        ("type", FieldKind::Integer, false, false, 0),
        ("read", FieldKind::Bool, false, true, 0),
    ];
    assert_eq!(fields, expected);
    const { assert!(Renamed::COMPLETE) };
    let nickname = Login::FIELDS[2];
    assert_eq!((nickname.kind(), nickname.is_required()), (FieldKind::Text, false));
    let tags = Login::FIELDS[3];
    assert_eq!((tags.kind(), tags.is_required(), tags.is_nullable()), (FieldKind::Any, false, true));
    // The shape against which filters are checked has the same names.
    let _ =
        |shape: <Renamed as TypedPacket>::Shape<()>| (shape.userName, shape.r#type, shape.colour, shape.read);
}

#[derive(crate::Packet, Debug, PartialEq)]
#[serde(default = "preset")]
struct Preset {
    depth: i16,
    #[serde(default)]
    own: i16,
    name: Arc<str>,
}

fn preset() -> Preset {
    Preset { depth: -3, own: 5, name: "preset".into() }
}

#[test]
fn a_default_of_the_type_fills_the_gaps() {
    assert_eq!(read(&json!({})), Ok(Preset { own: 0, ..preset() }));
    assert_eq!(read(&json!({"depth": 4})), Ok(Preset { depth: 4, own: 0, ..preset() }));
    assert!(Preset::FIELDS.iter().all(|field| !field.is_required()));
}

#[derive(crate::Packet, Debug, PartialEq)]
struct Empty {}

#[test]
fn a_packet_may_have_no_fields() {
    assert_eq!(read(&json!({})), Ok(Empty {}));
    assert_eq!(read(&json!({"a": 1})), Ok(Empty {}));
}

#[derive(crate::Packet, Debug, PartialEq)]
struct Texts {
    letter: char,
    boxed: Box<str>,
    shared: Arc<str>,
    cow: Cow<'static, str>,
    matrix: Vec<Vec<f64>>,
    bytes: Vec<u8>,
}

#[test]
fn text_and_lists_have_several_owners() {
    let value = json!({"letter": "ä", "boxed": "b", "shared": "s\n", "cow": "", "matrix": [[1, 2.5], []], "bytes": [0, 255]});
    let texts = Texts {
        letter: 'ä',
        boxed: "b".into(),
        shared: "s\n".into(),
        cow: Cow::Borrowed(""),
        matrix: vec![vec![1.0, 2.5], vec![]],
        bytes: vec![0, 255],
    };
    assert_eq!(read(&value), Ok(texts));
    for wrong in [json!(""), json!("ab"), json!(7)] {
        assert!(blame(read::<Texts>(&json!({"letter": wrong}))).contains("expected text of one character"));
    }
    assert!(blame(read::<Texts>(&json!({"bytes": [256]}))).contains("element 0: expected u8"));
    assert!(blame(read::<Texts>(&json!({"bytes": "text"}))).contains("expected a list, found text"));
}

/// Protocol V2, rule 8: `bin` values are accepted.
#[test]
fn bytes_are_a_list_of_bytes() {
    #[derive(crate::Packet)]
    struct Blob {
        blob: Vec<u8>,
    }
    let blob: Blob = decode(Encoding::ZiProto, b"\x81\xa4blob\xc4\x02\x00\xff").unwrap();
    assert_eq!(blob.blob, [0, 255]);
}

/// Every type takes its least and its most, and nothing beyond them.
#[test]
fn whole_numbers_fit_their_types() {
    macro_rules! check {
        ($($type:ident)*) => {$({
            #[derive(crate::Packet, Debug, PartialEq)]
            struct One {
                n: $type,
            }
            for n in [$type::MIN, $type::MAX, 0, 1] {
                assert_eq!(json::<One>(&format!(r#"{{"n":{n}}}"#)), Ok(One { n }));
                if i64::try_from(n).is_ok() || u64::try_from(n).is_ok() {
                    assert_eq!(read(&json!({"n": i128::try_from(n).unwrap()})), Ok(One { n }));
                }
            }
            let beyond = [format!("{}0", $type::MIN), format!("{}0", $type::MAX), "-1".to_owned()];
            for n in beyond.iter().filter(|n| n.parse::<$type>().is_err()) {
                let refused = blame(json::<One>(&format!(r#"{{"n":{n}}}"#)));
                assert!(refused.contains("FIELD_INVALID") && refused.contains("out of range"), "{n}: {refused}");
            }
            for wrong in [json!(1.0), json!(1.5), json!("1"), json!(true), json!(null), json!([1])] {
                assert!(blame(read::<One>(&json!({"n": wrong}))).contains("ERR_FIELD_INVALID (field `n`)"));
            }
        })*};
    }
    check!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
}

#[test]
fn floats_take_whole_numbers_and_are_rounded_once() {
    #[derive(crate::Packet, Debug, PartialEq)]
    struct Floats {
        short: f32,
        long: f64,
    }
    assert_eq!(read(&json!({"short": 3, "long": -4})), Ok(Floats { short: 3.0, long: -4.0 }));
    // Halfway between two f32 but for the last digit.
    let floats: Floats = json(r#"{"short":1.00000017881393432617187500001,"long":0.1}"#).unwrap();
    assert_eq!(floats, Floats { short: 1.000_000_2, long: 0.1 });
    for encoding in BOTH {
        let payload = super::payload(encoding, &json!({"short": 1e300}));
        assert!(blame(decode::<Floats>(encoding, &payload)).contains("(field `short`)"));
    }
}

#[test]
fn lists_and_texts_are_no_numbers() {
    #[derive(crate::Packet, Debug, PartialEq)]
    struct Flag {
        on: bool,
    }
    for wrong in [json!(1), json!("true"), json!(null)] {
        assert!(blame(read::<Flag>(&json!({"on": wrong}))).contains("expected a boolean"));
    }
    assert_eq!(read(&json!({"on": true})), Ok(Flag { on: true }));
}
