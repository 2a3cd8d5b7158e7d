//! Rust types through serde, in both encodings.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::super::value::deserialize;
use super::super::*;
use super::{ENCODINGS, encoded, index};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(u8),
    Tuple(i8, String),
    Struct { a: Option<bool>, b: char },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    x: f32,
    y: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    shapes: Vec<Shape>,
    unit: Unit,
    wrapped: Wrapped,
    none: Option<u8>,
    some: Option<Option<u8>>,
    tuple: (u8, String, [i16; 3]),
    keys: BTreeMap<u16, BTreeMap<bool, BTreeMap<char, i128>>>,
    shaped: BTreeMap<String, Shape>,
    address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<u8>,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, u32>,
}

fn everything(rest: usize) -> Everything {
    Everything {
        shapes: vec![
            Shape::Unit,
            Shape::Newtype(200),
            Shape::Tuple(-5, "é\"\n".into()),
            Shape::Struct { a: None, b: '😀' },
            Shape::Struct { a: Some(true), b: '\\' },
        ],
        unit: Unit,
        wrapped: Wrapped(u64::MAX),
        none: None,
        some: Some(Some(1)),
        tuple: (1, "two".into(), [-3, 300, i16::MIN]),
        keys: BTreeMap::from([(7, BTreeMap::from([(true, BTreeMap::from([('k', -1)]))]))]),
        shaped: BTreeMap::from([("s".into(), Shape::Newtype(1))]),
        address: IpAddr::from([127, 0, 0, 1]),
        skipped: None,
        inner: Inner { x: 0.5, y: 0.1 },
        rest: (0..rest as u32).map(|number| (format!("r{number:05}"), number)).collect(),
    }
}

#[test]
fn types_come_back_as_they_went() {
    // A flattened map's length is not known beforehand; the sizes take ZiProto's three forms of header.
    for rest in [0, 3, 20, 70_000] {
        let value = everything(rest);
        for encoding in ENCODINGS {
            let payload = encoded(&value, encoding);
            let mut index = Index::default();
            let limits = PayloadLimits { nodes: u32::MAX, ..PayloadLimits::default() };
            index.build(&payload, encoding, &limits).unwrap();
            let view = View::new(&payload, encoding, &index);
            assert_eq!(view.len(), 11 + rest);
            assert_eq!(view.deserialize::<Everything>().unwrap(), value, "{encoding}");
            assert_eq!(view.get("address").unwrap().as_str().unwrap(), "127.0.0.1");
        }
        assert_eq!(encoded(&value, Encoding::Json), serde_json::to_vec(&value).unwrap()[..]);
    }
}

#[test]
fn a_number_is_never_taken_for_a_fields_place() {
    #[derive(Debug, Deserialize)]
    struct Login {
        #[serde(default)]
        user: String,
        #[serde(default, rename = "1")]
        one: String,
    }
    let payload = b"\x82\x00\xa5admin\x01\xa3uno";
    let index = index(payload, Encoding::ZiProto).unwrap();
    let login: Login = View::new(payload, Encoding::ZiProto, &index).deserialize().unwrap();
    assert_eq!(login.user, "");
    assert_eq!(login.one, "uno");
}

#[test]
fn enums_take_their_variants_by_name_alone() {
    for bytes in [&b"\x00"[..], b"\x81\x00\xc0", b"\xa1X", b"\x80", b"\x92\xa4Unit\xc0"] {
        assert!(deserialize::<Shape>(bytes, Encoding::ZiProto).is_err(), "{bytes:x?}");
    }
    assert_eq!(deserialize::<Shape>(b"\xa4Unit", Encoding::ZiProto), Ok(Shape::Unit));
    assert_eq!(deserialize::<Shape>(b"\x81\xa4Unit\xc0", Encoding::ZiProto), Ok(Shape::Unit));
}

#[test]
fn what_does_not_fit_says_why() {
    for encoding in ENCODINGS {
        let payload = encoded(&BTreeMap::from([("pin", "seven")]), encoding);
        let error = deserialize::<BTreeMap<String, u8>>(&payload, encoding).unwrap_err();
        assert!(error.to_string().starts_with("invalid type: string \"seven\", expected u8"), "{error}");
        assert!(deserialize::<(u8, u8)>(&encoded(&[1, 2, 3], encoding), encoding).is_err());
        assert!(deserialize::<(u8, u8)>(&encoded(&[1], encoding), encoding).is_err());
    }
}

#[test]
fn text_and_bytes_are_borrowed_from_the_payload() {
    let payload = b"\x82\xa1a\xa3foo\xa1b\xc4\x01\xff";
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        a: &'a str,
        b: &'a [u8],
    }
    let borrowed: Borrowed<'_> = deserialize(payload, Encoding::ZiProto).unwrap();
    assert_eq!((borrowed.a, borrowed.b), ("foo", &[0xff][..]));
}

#[test]
fn keys_are_names_numbers_or_booleans() {
    let mut out = BytesMut::new();
    for encoding in ENCODINGS {
        assert!(encode(&BTreeMap::from([((1, 2), 3)]), encoding, &mut out).is_err());
        assert!(encode(&BTreeMap::from([(None::<u8>, 3)]), encoding, &mut out).is_err());
        assert!(encode(&BTreeMap::from([((), 3)]), encoding, &mut out).is_err());
        assert!(encode(&BTreeMap::from([(vec![1], 3)]), encoding, &mut out).is_err());
        assert!(out.is_empty());
    }
    encode(&BTreeMap::from([(i128::MAX, 3)]), Encoding::Json, &mut out).unwrap();
    assert_eq!(&out[..], format!("{{\"{}\":3}}", i128::MAX).as_bytes());
}

#[test]
fn a_length_that_is_not_kept_to_is_an_error_not_a_broken_payload() {
    struct Liar;
    impl Serialize for Liar {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut list = serializer.serialize_seq(Some(5))?;
            list.serialize_element(&1)?;
            list.end()
        }
    }
    let mut out = BytesMut::new();
    assert!(encode(&Liar, Encoding::ZiProto, &mut out).is_err());
    assert!(out.is_empty());
}
