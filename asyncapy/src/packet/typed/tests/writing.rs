use std::borrow::Cow;

use bytes::BytesMut;
use serde::Serialize;
use serde_json::json;

use super::{BOTH, payload, write};
use crate::packet::EncodePacket;
use crate::wire::Encoding;

#[derive(crate::Packet, Serialize, Debug)]
#[serde(rename_all = "kebab-case")]
struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(rename = "qu\"o\\te\n")]
    quoted: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
    nothing: Option<u8>,
    #[serde(skip_serializing)]
    secret: u8,
    #[serde(skip)]
    skipped: u8,
    letter: char,
    text: Cow<'static, str>,
    float: f32,
    flag: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<f64>,
}

fn reply() -> Reply {
    Reply {
        first_name: None,
        quoted: -7,
        list: vec![],
        nothing: None,
        secret: 1,
        skipped: 2,
        letter: 'ü',
        text: "a\"b".into(),
        float: 0.1,
        flag: true,
        last: None,
    }
}

#[test]
fn it_is_written_byte_for_byte_as_serde_writes_it() {
    let full = Reply { first_name: Some("Ann".to_owned()), list: vec![1, 200], last: Some(-2.5), ..reply() };
    let some = Reply { nothing: Some(3), last: Some(1e300), quoted: i64::MIN, ..reply() };
    assert_eq!((some.secret, some.skipped), (1, 2));
    for reply in [reply(), full, some] {
        for encoding in BOTH {
            assert_eq!(write(encoding, &reply), payload(encoding, &reply), "{encoding:?} {reply:?}");
        }
    }
}

#[derive(crate::Packet, Serialize)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none")]
    one: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    two: Option<u8>,
}

#[test]
fn a_map_may_come_out_empty() {
    for sparse in [Sparse { one: None, two: None }, Sparse { one: None, two: Some(2) }] {
        for encoding in BOTH {
            assert_eq!(write(encoding, &&sparse), payload(encoding, &sparse));
        }
    }
}

#[test]
fn a_map_may_have_many_fields() {
    macro_rules! many {
        ($($name:ident)*) => {
            #[derive(crate::Packet, Serialize, Default)]
            struct Many { $($name: u64,)* name_that_is_longer_than_thirty_one_bytes: u64 }
        };
    }
    many!(a b c d e f g h i j k l m n o p q r s t);
    let many = Many { c: u64::MAX, t: 300, ..Many::default() };
    for encoding in BOTH {
        assert_eq!(write(encoding, &many), payload(encoding, &many));
    }
}

/// Protocol V2, rule 8.
#[test]
fn json_has_no_nan() {
    for last in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let reply = Reply { last: Some(last), ..reply() };
        let mut out = BytesMut::from(&b"before"[..]);
        assert!(reply.encode_packet(Encoding::Json, &mut out).is_err());
        assert_eq!(&out[..], b"before");
        assert_eq!(write(Encoding::ZiProto, &reply), payload(Encoding::ZiProto, &reply));
    }
    let reply = Reply { float: f32::NAN, ..reply() };
    assert!(reply.encode_packet(Encoding::Json, &mut BytesMut::new()).is_err());
}

#[test]
fn json_values_are_packets_if_they_are_maps() {
    let value = json!({"a": [1, null, {"b": 2.5}]});
    for encoding in BOTH {
        assert_eq!(write(encoding, &value), payload(encoding, &value));
        assert_eq!(write(encoding, value.as_object().unwrap()), payload(encoding, &value));
        for wrong in [json!([]), json!(1), json!(null), json!("{")] {
            let mut out = BytesMut::from(&b"before"[..]);
            assert!(wrong.encode_packet(encoding, &mut out).is_err());
            assert_eq!(&out[..], b"before");
        }
    }
}
