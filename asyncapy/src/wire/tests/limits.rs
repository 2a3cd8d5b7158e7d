//! Nesting, bombs and lies (LIMITS: depth 64, nodes 65,536, no count beyond the bytes left).

use super::super::*;
use super::index;
use crate::Code;

fn nested(levels: usize, list: bool, encoding: Encoding) -> Vec<u8> {
    let (open, close): (&[u8], &[u8]) = match (encoding, list) {
        (Encoding::Json, true) => (b"[", b"]"),
        (Encoding::Json, false) => (b"{\"k\": ", b"}"),
        (Encoding::ZiProto, true) => (&[0x91], b""),
        (Encoding::ZiProto, false) => (&[0x81, 0xa1, b'k'], b""),
    };
    let (first, last): (&[u8], &[u8]) = match encoding {
        Encoding::Json => (b"{\"a\":", b"}"),
        Encoding::ZiProto => (&[0x81, 0xa1, b'a'], b""),
    };
    let inner = if encoding == Encoding::Json { b'1' } else { 1 };
    [first, &open.repeat(levels - 1), &[inner], &close.repeat(levels - 1), last].concat()
}

#[test]
fn nesting_stops_at_its_limit() {
    for encoding in super::ENCODINGS {
        for list in [true, false] {
            assert!(index(&nested(64, list, encoding), encoding).is_ok());
            let error = index(&nested(65, list, encoding), encoding).unwrap_err();
            assert_eq!(error, PayloadError::TooDeep);
            assert_eq!(error.code(), Code::PayloadTooComplex);
            assert_eq!(index(&nested(200_000, list, encoding), encoding).unwrap_err(), PayloadError::TooDeep);

            let deepest = PayloadLimits { depth: u16::MAX, ..PayloadLimits::default() };
            let mut index = Index::default();
            assert_eq!(index.build(&nested(127, list, encoding), encoding, &deepest), Ok(()));
            let payload = nested(128, list, encoding);
            assert_eq!(index.build(&payload, encoding, &deepest), Err(PayloadError::TooDeep));
            let flat = PayloadLimits { depth: 1, ..PayloadLimits::default() };
            assert_eq!(index.build(&nested(1, list, encoding), encoding, &flat), Ok(()));
            assert_eq!(index.build(&nested(2, list, encoding), encoding, &flat), Err(PayloadError::TooDeep));
            let none = PayloadLimits { depth: 0, ..PayloadLimits::default() };
            assert_eq!(index.build(&nested(1, list, encoding), encoding, &none), Err(PayloadError::TooDeep));
        }
    }
}

#[test]
fn the_deepest_payload_is_read_by_everything() {
    for encoding in super::ENCODINGS {
        for list in [true, false] {
            let payload = nested(127, list, encoding);
            let mut index = Index::default();
            index.build(&payload, encoding, &PayloadLimits { depth: 127, nodes: 200 }).unwrap();
            let view = View::new(&payload, encoding, &index);
            view.deserialize::<serde_json::Value>().unwrap();
            assert!(view.to_string().starts_with("{\"a\": "));
            let other = super::ENCODINGS[usize::from(encoding == Encoding::Json)];
            let there = super::transcoded(&payload, encoding, other);
            index.build(&there, other, &PayloadLimits { depth: 127, nodes: 200 }).unwrap();
        }
    }
}

#[test]
fn values_are_counted() {
    let json = |values: usize| format!("{{\"a\":[{}]}}", vec!["1"; values].join(",")).into_bytes();
    let ziproto = |values: usize| {
        let mut bytes = vec![0x81, 0xa1, b'a', 0xdd];
        bytes.extend((values as u32).to_be_bytes());
        bytes.extend(vec![1; values]);
        bytes
    };
    // The payload's map and the list are two of them.
    for (encoding, most, more) in
        [(Encoding::Json, json(65_534), json(65_535)), (Encoding::ZiProto, ziproto(65_534), ziproto(65_535))]
    {
        assert!(index(&most, encoding).is_ok());
        assert_eq!(index(&more, encoding).unwrap_err(), PayloadError::TooManyNodes);
    }
    let fields: String = (0..70_000).map(|field| format!(",\"{field}\":{{}}")).collect();
    let error = index(format!("{{{}}}", &fields[1..]).as_bytes(), Encoding::Json).unwrap_err();
    assert_eq!(error.code(), Code::PayloadTooComplex);
}

#[test]
fn counts_that_lie_are_refused_before_anything_is_made_of_them() {
    for lie in [
        &b"\xdf\xff\xff\xff\xff"[..],
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\x81\xa1a\xdf\x00\x00\x00\x02\xa0\xc0\xc0",
        b"\x81\xa1a\xdc\x00\x05\x01\x01\x01\x01",
        b"\x81\xa1a\x91\xdd\x10\x00\x00\x00\x01",
        b"\x81\xa1a\xdb\xff\xff\xff\xffabc",
        b"\x81\xa1a\xc6\xff\xff\xff\xffabc",
        b"\x82\xa1a\x01",
    ] {
        let error = index(lie, Encoding::ZiProto).unwrap_err();
        assert_eq!(error.code(), Code::RequestMalformed, "{lie:x?}");
    }
}

#[test]
fn a_huge_map_leaves_no_memory_behind() {
    let mut index = Index::default();
    let fields: String = (0..60_000).map(|field| format!(",\"{field}\":0")).collect();
    let huge = format!("{{{}}}", &fields[1..]);
    index.build(huge.as_bytes(), Encoding::Json, &PayloadLimits::default()).unwrap();
    assert_eq!(index.len(), 60_000);
    index.build(b"{\"a\":1}", Encoding::Json, &PayloadLimits::default()).unwrap();
    assert!(index.entries.capacity() <= 1024);
    assert!(size_of_val(&index.entries[0]) <= 24);
}
