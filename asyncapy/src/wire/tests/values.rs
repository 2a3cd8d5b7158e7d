//! Payloads of protocol V3: arguments by name or position, and any single value.

use super::super::*;
use crate::Code;

const LIMITS: PayloadLimits = PayloadLimits { depth: 3, nodes: 6 };

fn arguments(payload: &[u8], encoding: Encoding) -> Result<Index, PayloadError> {
    let mut index = Index::default();
    index.build_arguments(payload, encoding, &LIMITS).map(|()| index)
}

#[test]
fn a_list_has_elements_by_position() {
    for (encoding, payload) in [
        (Encoding::Json, &b" [ 1 ,\"b\\n\", [2, {}] ] "[..]),
        (Encoding::ZiProto, b"\x93\x01\xa2b\n\x92\x02\x80"),
    ] {
        let index = arguments(payload, encoding).unwrap();
        let view = View::new(payload, encoding, &index);
        assert!(view.is_list() && view.len() == 3);
        assert_eq!(view.nth(0).unwrap().as_u64(), Some(1));
        assert_eq!(view.nth(1).unwrap().as_str().as_deref(), Some("b\n"));
        assert_eq!(view.nth(2).unwrap().kind(), Kind::List);
        assert!(view.nth(3).is_none());
        assert!(view.get("").is_none() && !view.key_is(0, "") && view.key(0).is_empty());
        assert_eq!(view.deserialize::<(u8, String, serde_json::Value)>().unwrap().0, 1);
        assert_eq!(view.as_value().elements().unwrap().count(), 3);
        assert_eq!(view.to_string(), r#"[1, "b\n", [2, {}]]"#.replace("\\\\", "\\"));
    }
}

#[test]
fn no_arguments_are_an_empty_payload_an_empty_map_or_an_empty_list() {
    for (encoding, payloads) in
        [(Encoding::Json, [&b""[..], b"{}", b" [ ] "]), (Encoding::ZiProto, [b"", b"\x80", b"\x90"])]
    {
        for (payload, list) in payloads.into_iter().zip([false, false, true]) {
            let index = arguments(payload, encoding).unwrap();
            assert_eq!((index.len(), View::new(payload, encoding, &index).is_list()), (0, list));
        }
    }
    // An index that was a list's is not one any more.
    let mut index = arguments(b"[1]", Encoding::Json).unwrap();
    index.build(b"{\"a\": 1}", Encoding::Json, &LIMITS).unwrap();
    assert!(!View::new(b"{\"a\": 1}", Encoding::Json, &index).is_list());
    assert!(index.build(b"[1]", Encoding::Json, &LIMITS).is_err());
}

#[test]
fn what_is_no_arguments_says_why() {
    let malformed = |bytes, encoding, reason| match arguments(bytes, encoding).unwrap_err() {
        PayloadError::Malformed { reason: found, .. } => assert_eq!(found, reason, "{bytes:x?}"),
        other => panic!("{other}"),
    };
    malformed(&b"1"[..], Encoding::Json, "a map or a list was expected");
    malformed(b" ", Encoding::Json, "the payload ends early");
    malformed(b"[1,]", Encoding::Json, "a value was expected");
    malformed(b"[1}", Encoding::Json, "`,` or `]` was expected");
    malformed(b"[1] 2", Encoding::Json, "nothing was expected after the value");
    malformed(b"[\"\xff\"]", Encoding::Json, "a string is not UTF-8");
    malformed(b"\xc0", Encoding::ZiProto, "a map or a list was expected");
    malformed(b"\x91", Encoding::ZiProto, "a length that the payload cannot hold");
    malformed(b"\xdd\xff\xff\xff\xff\0", Encoding::ZiProto, "a length that the payload cannot hold");
    malformed(b"\x91\x01\x02", Encoding::ZiProto, "nothing was expected after the value");
    malformed(b"\x91\xa1\xff", Encoding::ZiProto, "a string is not UTF-8");
}

#[test]
fn limits_are_the_same_for_maps_lists_and_values() {
    for (encoding, deepest, deeper, most, more) in [
        (Encoding::Json, &b"[[[]]]"[..], &b"[[[[]]]]"[..], &b"[1,2,3,4,5]"[..], &b"[1,2,3,4,5,6]"[..]),
        (
            Encoding::ZiProto,
            b"\x91\x91\x90",
            b"\x91\x91\x91\x90",
            b"\x95\x01\x02\x03\x04\x05",
            b"\x96\x01\x02\x03\x04\x05\x06",
        ),
    ] {
        for payload in [deepest, most] {
            assert!(arguments(payload, encoding).is_ok());
            assert_eq!(check_value(payload, encoding, &LIMITS), Ok(()));
        }
        for (payload, error) in [(deeper, PayloadError::TooDeep), (more, PayloadError::TooManyNodes)] {
            assert_eq!(arguments(payload, encoding).unwrap_err(), error);
            assert_eq!(check_value(payload, encoding, &LIMITS), Err(error));
        }
        let flat = PayloadLimits { depth: 0, nodes: 1 };
        assert_eq!(check_value(b"\x01", Encoding::ZiProto, &flat), Ok(()));
        assert_eq!(check_value(b"[]", Encoding::Json, &flat), Err(PayloadError::TooDeep));
        assert_eq!(check_value(b"\x90", Encoding::ZiProto, &flat), Err(PayloadError::TooDeep));
    }
}

#[test]
fn any_value_is_checked_and_decoded() {
    for value in [serde_json::json!(null), 1.into(), "é\"".into(), 2.5.into(), true.into(), vec![1, 2].into()]
    {
        for encoding in super::ENCODINGS {
            let payload = super::encoded(&value, encoding);
            assert_eq!(check_value(&payload, encoding, &LIMITS), Ok(()));
            assert_eq!(decode_value(&payload, encoding), Ok(value.clone()));
            assert!(check_value(&[&payload[..], b" ", &payload[..]].concat(), encoding, &LIMITS).is_err());
        }
    }
    for payload in [&b""[..], b"\"a", b"tru", b"\"\xff\"", b"1 2", b"]"] {
        let error = check_value(payload, Encoding::Json, &LIMITS).unwrap_err();
        assert_eq!(error.code(), Code::RequestMalformed, "{payload:x?}");
    }
    for payload in [&b""[..], b"\xa1", b"\xa1\xff", b"\xc1", b"\xc0\xc0", b"\x91"] {
        assert!(check_value(payload, Encoding::ZiProto, &LIMITS).is_err(), "{payload:x?}");
    }
}

#[test]
fn nothing_recurses_without_end() {
    for encoding in super::ENCODINGS {
        let deep = vec![if encoding == Encoding::Json { b'[' } else { 0x91 }; 1 << 20];
        assert!(decode_value::<serde_json::Value>(&deep, encoding).is_err());
        assert_eq!(check_value(&deep, encoding, &LIMITS), Err(PayloadError::TooDeep));
    }
    /// A value that goes down by enums' variants.
    #[derive(Debug, serde::Deserialize)]
    enum Down {
        #[allow(dead_code, reason = "only its form matters")]
        Further(Box<Down>),
    }
    let deep = b"\x81\xa7Further".repeat(1 << 16);
    assert!(decode_value::<Down>(&deep, Encoding::ZiProto).is_err());
}
