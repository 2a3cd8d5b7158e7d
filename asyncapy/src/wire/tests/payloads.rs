//! Single payloads, each with the rule it is about.

use bytes::BytesMut;

use super::super::*;
use super::{index, transcoded};
use crate::Code;

#[test]
fn json_that_is_no_payload() {
    for (bytes, reason) in [
        (&b""[..], "the payload ends early"),
        (b"   ", "the payload ends early"),
        (b"[1, 2]", "a map was expected"),
        (b"12345", "a map was expected"),
        (b"true", "a map was expected"),
        (b"{\"a\": \"\xff\xfe\"}", "a string is not UTF-8"),
        (b"{\"a\": 1} x", "nothing was expected after the map"),
        (b"{\"a\": 1}{}", "nothing was expected after the map"),
        (b"{\"a\": 1,}", "a key was expected"),
        (b"{\"a\": [1,]}", "a value was expected"),
        (b"{\"a\": [,1]}", "a value was expected"),
        (b"{\"a\": {\"b\": 1,}}", "a key was expected"),
        (b"{\"a\" 1}", "`:` was expected"),
        (b"{\"a\": 01}", "`,` or `}` was expected"),
        (b"{\"a\": 1.}", "a digit was expected"),
        (b"{\"a\": .5}", "a value was expected"),
        (b"{\"a\": +1}", "a value was expected"),
        (b"{\"a\": -}", "a digit was expected"),
        (b"{\"a\": 1e}", "a digit was expected"),
        (b"{\"a\": NaN}", "a value was expected"),
        (b"{\"a\": nul}", "a value was expected"),
        (b"{\"a\": [1}", "`,` or `]` was expected"),
        (b"{\"a\": {]}", "a key was expected"),
        (b"{\"a\": \"\n\"}", "a control character in a string"),
        (b"{\"a\": \"abcdefgh\x01ijklmnop\"}", "a control character in a string"),
        (b"{\"a\": \"\\x\"}", "an unknown escape"),
        (b"{\"a\": \"\\ud800\"}", "an escape that is no character"),
        (b"{\"a\": \"\\ud800\\u0041\"}", "an escape that is no character"),
        (b"{\"a\": \"\\udc00\"}", "an escape that is no character"),
        (b"{\"a\": \"\\u12g4\"}", "an escape that is no character"),
        (b"{\"a\": \"abc", "a string does not end"),
        (b"{a: 1}", "a key was expected"),
        (b"{\"a\": 1\x00}", "a control character"),
        (b"\xef\xbb\xbf{}", "a map was expected"),
    ] {
        let error = index(bytes, Encoding::Json).unwrap_err();
        let shown = String::from_utf8_lossy(bytes);
        assert!(
            matches!(error, PayloadError::Malformed { reason: found, .. } if found == reason),
            "{shown}: {error}"
        );
        assert_eq!(error.code(), Code::RequestMalformed);
        assert!(serde_json::from_slice::<serde_json::Map<_, _>>(bytes).is_err(), "{shown}");
    }
}

#[test]
fn ziproto_that_is_no_payload() {
    for bytes in [
        &b""[..],
        b"\xc0",
        b"\x91\x01",
        b"{\"foo\": \"bar\"}",
        b"\x81\x91\x01\x02",
        b"\x81\xcb\0\0\0\0\0\0\0\0\x01",
        b"\x81\xc4\x01a\x01",
        b"\x81\x80\x01",
        b"\x81\xa1a\x81\x90\x01",
        b"\x81\xa1a\xc1",
        b"\x81\xa1a\xd4\x01\x01",
        b"\x81\xa1a\xc7\x01\x01\x01",
        b"\x81\xa1\xff\x01",
        b"\x81\xa1a\xa1\xff",
        b"\x81\xa1a\x91\xa1\xff",
        b"\x81\xa1a\x81\xa1\xff\x01",
        b"\x80\xc0",
        b"\x81\xa1a",
    ] {
        let error = index(bytes, Encoding::ZiProto).unwrap_err();
        assert_eq!(error.code(), Code::RequestMalformed, "{bytes:x?}");
    }
}

#[test]
fn an_empty_map_is_a_payload() {
    assert!(index(b"{}", Encoding::Json).unwrap().is_empty());
    assert!(index(b" { }\r\n\t", Encoding::Json).unwrap().is_empty());
    assert!(index(b"\x80", Encoding::ZiProto).unwrap().is_empty());
    assert!(index(b"\xde\x00\x00", Encoding::ZiProto).unwrap().is_empty());
}

#[test]
fn a_failed_build_leaves_nothing_of_the_one_before() {
    let mut index = Index::default();
    index.build(b"{\"a\": 1}", Encoding::Json, &PayloadLimits::default()).unwrap();
    assert!(index.build(b"{\"a\": 1, \"b\"", Encoding::Json, &PayloadLimits::default()).is_err());
    assert!(index.is_empty());
}

#[test]
fn repeated_fields_give_the_last() {
    let payload = br#"{"a": 1, "b": 2, "\u0061": 3}"#;
    let index = index(payload, Encoding::Json).unwrap();
    let view = View::new(payload, Encoding::Json, &index);
    assert_eq!(view.len(), 3);
    assert_eq!(view.get("a").unwrap().as_i64(), Some(3));
    assert_eq!(view.get_unique("a").unwrap_err().as_i64(), Some(3));
    assert_eq!(view.get_unique("b").unwrap().unwrap().as_i64(), Some(2));
    assert!(view.get_unique("c").unwrap().is_none());
    assert_eq!(view.key_hash(0), view.key_hash(2));
    assert_eq!(view.key(2), "a");
}

#[test]
fn keys_that_are_no_strings_read_as_json_text() {
    let payload = b"\x84\x01\xa1i\xc3\xa1b\xc0\xa1n\xd1\xff\x00\xa1m";
    let index = index(payload, Encoding::ZiProto).unwrap();
    let view = View::new(payload, Encoding::ZiProto, &index);
    for (position, (name, value)) in
        [("1", "i"), ("true", "b"), ("null", "n"), ("-256", "m")].into_iter().enumerate()
    {
        assert_eq!(view.key(position), name);
        assert!(view.key_is(position, name));
        assert_eq!(view.key_hash(position), View::hash_name(name));
        assert_eq!(view.get(name).unwrap().as_str().unwrap(), value);
    }
    assert_eq!(view.to_string(), r#"{"1": "i", "true": "b", "null": "n", "-256": "m"}"#);
    let json = transcoded(payload, Encoding::ZiProto, Encoding::Json);
    assert_eq!(&json[..], br#"{"1":"i","true":"b","null":"n","-256":"m"}"#);
}

#[test]
fn numbers_are_read_as_far_as_they_fit() {
    let payload = br#"{"a": 12345678901234567890123, "b": 18446744073709551615, "c": -9223372036854775808,
        "d": 1.50, "e": 1e400, "f": -0, "g": 9223372036854775808, "h": -9223372036854775809, "i": 1.0}"#;
    let index = index(payload, Encoding::Json).unwrap();
    let view = View::new(payload, Encoding::Json, &index);
    let get = |name| view.get(name).unwrap();
    assert_eq!((get("a").as_u64(), get("a").as_i64()), (None, None));
    assert_eq!(get("a").as_f64(), Some(12345678901234567890123.0));
    assert_eq!(get("a").text().unwrap(), "12345678901234567890123");
    assert_eq!((get("b").as_u64(), get("b").as_i64()), (Some(u64::MAX), None));
    assert_eq!((get("c").as_u64(), get("c").as_i64()), (None, Some(i64::MIN)));
    assert_eq!(get("d").text().unwrap(), "1.50");
    assert_eq!((get("e").kind(), get("e").as_f64()), (Kind::Float, None));
    assert_eq!((get("f").as_u64(), get("f").as_i64()), (Some(0), Some(0)));
    assert_eq!((get("g").as_u64(), get("g").as_i64()), (Some(1 << 63), None));
    assert_eq!(get("h").as_i64(), None);
    assert_eq!((get("i").as_i64(), get("i").as_u64(), get("i").as_f64()), (None, None, Some(1.0)));
}

#[test]
fn floats_that_json_lacks_are_refused_when_json_needs_them() {
    let mut out = BytesMut::from(&b"before"[..]);
    for (number, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")]
    {
        let payload = super::encoded(
            &[("a", number)].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            Encoding::ZiProto,
        );
        let index = index(&payload, Encoding::ZiProto).unwrap();
        let view = View::new(&payload, Encoding::ZiProto, &index);
        assert_eq!(view.value(0).text(), None);
        assert_eq!(view.to_string(), format!("{{\"a\": {shown}}}"));
        assert!(transcode(&payload, Encoding::ZiProto, Encoding::Json, &mut out).is_err());
        assert!(encode(&number, Encoding::Json, &mut out).is_err());
        assert!(encode(&(number as f32), Encoding::Json, &mut out).is_err());
    }
    assert_eq!(&out[..], b"before");
}

#[test]
fn numbers_beyond_ziproto_are_refused_by_name() {
    let mut out = BytesMut::new();
    let big = b"{\"a\": 12345678901234567890123}";
    let error = transcode(big, Encoding::Json, Encoding::ZiProto, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "12345678901234567890123 is beyond 64 bits, which ZiProto cannot hold");
    assert!(transcode(b"{\"a\": 1e400}", Encoding::Json, Encoding::ZiProto, &mut out).is_err());
    assert!(encode(&u128::MAX, Encoding::ZiProto, &mut out).is_err());
    assert!(encode(&i128::MIN, Encoding::ZiProto, &mut out).is_err());
    assert!(out.is_empty());
    encode(&(i128::from(u64::MAX), u128::from(7u8)), Encoding::ZiProto, &mut out).unwrap();
    assert_eq!(&out[..], b"\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x07");
}

#[test]
fn bin_values_are_bytes() {
    let payload = b"\x81\xa1a\xc4\x03\x00\x01\xff";
    let index = index(payload, Encoding::ZiProto).unwrap();
    let view = View::new(payload, Encoding::ZiProto, &index);
    assert_eq!(view.value(0).kind(), Kind::Bytes);
    assert_eq!(view.value(0).as_bytes(), Some(&[0, 1, 255][..]));
    assert_eq!(view.value(0).text(), None);
    assert_eq!(&transcoded(payload, Encoding::ZiProto, Encoding::Json)[..], br#"{"a":[0,1,255]}"#);
    assert_eq!(view.to_string(), r#"{"a": [0, 1, 255]}"#);
}

#[test]
fn white_space_is_set_as_python_sets_it() {
    let payload = b" {\"a\" :[1,2 , {} ],\"b\\n, :\":\"x, y: z\"}\n";
    let index = index(payload, Encoding::Json).unwrap();
    let view = View::new(payload, Encoding::Json, &index);
    let spaced = r#"{"a": [1, 2, {}], "b\n, :": "x, y: z"}"#;
    assert_eq!(view.to_string(), spaced);
    assert_eq!(view.value(0).to_string(), "[1, 2, {}]");
    assert_eq!(view.as_value().entries().unwrap().count(), 2);
    let mut out = BytesMut::new();
    view.write_json_spaced(&mut out);
    assert_eq!(&out[..], spaced.as_bytes());
}

/// The forms in the MessagePack document, smallest first.
#[test]
fn ziproto_takes_the_fewest_bytes() {
    let integers: [(i64, &[u8]); 16] = [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\xcc\x80"),
        (255, b"\xcc\xff"),
        (256, b"\xcd\x01\x00"),
        (65_535, b"\xcd\xff\xff"),
        (65_536, b"\xce\x00\x01\x00\x00"),
        (1 << 32, b"\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
        (-1, b"\xff"),
        (-32, b"\xe0"),
        (-33, b"\xd0\xdf"),
        (-128, b"\xd0\x80"),
        (-129, b"\xd1\xff\x7f"),
        (-32_768, b"\xd1\x80\x00"),
        (-32_769, b"\xd2\xff\xff\x7f\xff"),
        (-(1 << 31) - 1, b"\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"),
    ];
    for (number, bytes) in integers {
        let mut out = BytesMut::new();
        write_ziproto_i64(number, &mut out);
        assert_eq!(&out[..], bytes, "{number}");
    }
    for (length, header) in [
        (31, &b"\xbf"[..]),
        (32, b"\xd9\x20"),
        (255, b"\xd9\xff"),
        (256, b"\xda\x01\x00"),
        (65_536, b"\xdb\0\x01\0\0"),
    ] {
        let mut out = BytesMut::new();
        write_ziproto_str(&"x".repeat(length), &mut out);
        assert!(out.starts_with(header) && out.len() == header.len() + length, "{length}");
    }
    for (count, map, list) in [
        (15, &b"\x8f"[..], &b"\x9f"[..]),
        (16, b"\xde\0\x10", b"\xdc\0\x10"),
        (65_536, b"\xdf\0\x01\0\0", b"\xdd\0\x01\0\0"),
    ] {
        let mut out = BytesMut::new();
        write_ziproto_map_header(count, &mut out);
        assert_eq!(&out[..], map);
        out.clear();
        write_ziproto_list_header(count, &mut out);
        assert_eq!(&out[..], list);
    }
    for (length, header) in [(255, &b"\xc4\xff"[..]), (256, b"\xc5\x01\x00"), (65_536, b"\xc6\0\x01\0\0")] {
        let mut out = BytesMut::new();
        write_ziproto_bin(&vec![0; length], &mut out);
        assert!(out.starts_with(header), "{length}");
    }
}

#[test]
fn only_maps_are_packets() {
    let mut out = BytesMut::from(&b"before"[..]);
    for encoding in super::ENCODINGS {
        assert!(encode_map(&1, encoding, &mut out).is_err());
        assert!(encode_map("text", encoding, &mut out).is_err());
        assert!(encode_map(&[1], encoding, &mut out).is_err());
        assert!(encode_map(&(), encoding, &mut out).is_err());
        assert_eq!(&out[..], b"before");
        encode_map(&std::collections::BTreeMap::from([("a", 1)]), encoding, &mut out).unwrap();
        out.truncate(6);
    }
}
