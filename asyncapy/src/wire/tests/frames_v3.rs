//! Frames of protocol V3, each with what it is about.

use bytes::BytesMut;

use super::super::v3::FrameError;
use super::super::v3::*;
use super::super::*;
use crate::Code;

const FRAMING: Framing = Framing::new(HeaderSize::Four, ByteOrder::Big, 1 << 20);

fn nothing(_: &mut BytesMut) -> Result<(), EncodeError> {
    Ok(())
}

fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out);
    out
}

#[test]
fn mistakes_are_told_at_the_first_byte_that_shows_them() {
    let long = FrameError::TooLarge { length: (1 << 20) + 1 };
    let flags = |kind, flags| FrameError::Flags(kind, Flags(flags));
    for (bytes, error) in [
        (&b"\0\0\0\x07"[..], FrameError::TooShort),
        (b"\0\x10\0\x01", long),
        (b"\0\0\0\x08\x16", FrameError::Version(22)),
        (b"\0\0\0\x08\x17\x03", FrameError::Encoding(3)),
        (b"\0\0\0\x08\x17\0\0", FrameError::Kind(0)),
        (b"\0\0\0\x08\x17\0\x09", FrameError::Kind(9)),
        (b"\0\0\0\x08\x17\x02\x01", FrameError::Encoding(2)),
        (b"\0\0\0\x08\x17\x02\x04", FrameError::Encoding(2)),
        (b"\0\0\0\x08\x17\x02\x08", FrameError::Encoding(2)),
        (b"\0\0\0\x08\x17\0\x01\x01", flags(FrameKind::Hello, 1)),
        (b"\0\0\0\x0a\x17\0\x02\x10", flags(FrameKind::Open, 0x10)),
        (b"\0\0\0\x08\x17\0\x03\x10", flags(FrameKind::Item, 0x10)),
        (b"\0\0\0\x08\x17\0\x03\x31", flags(FrameKind::Item, 0x31)),
        (b"\0\0\0\x08\x17\0\x03\x04", flags(FrameKind::Item, 4)),
        (b"\0\0\0\x08\x17\0\x04\x01", flags(FrameKind::Error, 1)),
        (b"\0\0\0\x08\x17\0\x05\x01", flags(FrameKind::Cancel, 1)),
        (b"\0\0\0\x10\x17\0\x07\x01", flags(FrameKind::Ping, 1)),
        (b"\0\0\0\x09\x17\0\x02\0", FrameError::Length(FrameKind::Open)),
        (b"\0\0\0\x0b\x17\0\x02\x04", FrameError::Length(FrameKind::Open)),
        (b"\0\0\0\x0d\x17\0\x02\x08", FrameError::Length(FrameKind::Open)),
        (b"\0\0\0\x0a\x17\0\x03\x02", FrameError::Length(FrameKind::Item)),
        (b"\0\0\0\x09\x17\0\x03\x11", FrameError::Length(FrameKind::Item)),
        (b"\0\0\0\x09\x17\0\x05\0", FrameError::Length(FrameKind::Cancel)),
        (b"\0\0\0\x0f\x17\0\x06\0", FrameError::Length(FrameKind::Credit)),
        (b"\0\0\0\x11\x17\0\x07\0", FrameError::Length(FrameKind::Ping)),
        (b"\0\0\0\x08\x17\0\x01\0\0\0\0\x01", FrameError::Stream(FrameKind::Hello, 1)),
        (b"\0\0\0\x0a\x17\0\x02\0\0\0\0\0", FrameError::Stream(FrameKind::Open, 0)),
        (b"\0\0\0\x08\x17\0\x05\0\0\0\0\0", FrameError::Stream(FrameKind::Cancel, 0)),
        (b"\0\0\0\x10\x17\0\x07\0\0\0\0\x02", FrameError::Stream(FrameKind::Ping, 2)),
        (b"\0\0\0\x0c\x17\0\x02\x04\0\0\0\x01\0\x01\0", FrameError::Name),
        (b"\0\0\0\x0c\x17\0\x02\x04\0\0\0\x01\0\x01\x02", FrameError::Name),
        (b"\0\0\0\x0c\x17\0\x02\x04\0\0\0\x01\0\x01\x01\xff", FrameError::Name),
        (b"\0\0\0\x0b\x17\0\x03\x02\0\0\0\x01\0\0", FrameError::Head),
        (b"\0\0\0\x0b\x17\0\x03\x02\0\0\0\x01\0\x02", FrameError::Head),
        (b"\0\0\0\x0c\x17\0\x03\x13\0\0\0\x01\0\x01", FrameError::Length(FrameKind::Item)),
        (b"\0\0\0\x10\x17\0\x06\0\0\0\0\0\0\0\0\x01", FrameError::Credit),
    ] {
        assert_eq!(FRAMING.decode_v3(bytes), Err(error), "{bytes:x?}");
        for end in 0..bytes.len() {
            let cut = FRAMING.decode_v3(&bytes[..end]);
            assert!(matches!(cut, Ok(Err(needed)) if needed > end), "{:x?}: {cut:?}", &bytes[..end]);
        }
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn codes_tell_what_kind_of_mistake_it_was() {
    assert_eq!(FrameError::TooShort.code(), Code::RequestMalformed);
    assert_eq!(FrameError::TooLarge { length: 0 }.code(), Code::PacketTooLarge);
    assert_eq!(FrameError::Version(22).code(), Code::HeaderInvalid);
    assert_eq!(FrameError::Flags(FrameKind::Open, Flags(0x10)).code(), Code::HeaderInvalid);
    assert_eq!(FrameError::Stream(FrameKind::Open, 0).code(), Code::ProtocolViolation);
}

#[test]
fn both_versions_are_known_by_one_byte() {
    let v2 = b"\0\0\0\x0a\x16\0{\"a\": 1}";
    let v3 = written(|out| FRAMING.encode_cancel(out, 1));
    assert_eq!(FRAMING.version(&v2[..4]), None);
    assert_eq!(FRAMING.version(v2), Some(22));
    assert_eq!(FRAMING.version(&v3), Some(23));
    assert_eq!(FRAMING.decode_v3(v2), Err(v3::FrameError::Version(22)));
    assert_eq!(FRAMING.decode(&v3), Err(super::super::FrameError::Version(23)));
}

#[test]
fn an_open_has_all_its_parts_in_their_order() {
    let metadata = Metadata::from_iter([("k", "v")]);
    let open = OpenHeader {
        stream: 0,
        encoding: Some(Encoding::Json),
        flags: Flags::END,
        target: 258,
        name: Some("math.add"),
        deadline: Some(1500),
        metadata: Some(&metadata),
    };
    let mut bytes = written(|out| {
        FRAMING.encode_open(out, &open, |out| encode(&[1, 2], Encoding::Json, out)).unwrap();
    });
    FRAMING.set_stream(&mut bytes, 0x0102_0305);
    let expected =
        b"\0\0\0\x23\x17\0\x02\x0f\x01\x02\x03\x05\x01\x02\x08math.add\0\0\x05\xdc\0\x05\x81\xa1k\xa1v[1,2]";
    assert_eq!(&bytes[..], expected);
    let frame = FRAMING.decode_v3(&bytes).unwrap().unwrap();
    assert_eq!((frame.kind, frame.flags, frame.stream), (FrameKind::Open, Flags(0x0f), 0x0102_0305));
    assert_eq!(frame.fields, Fields::Open { target: 258, name: Some(15..23), deadline: Some(1500) });
    assert_eq!(&bytes[frame.payload], b"[1,2]");
    assert_eq!(Metadata::read(&bytes[frame.head], Metadata::SIZE), Ok(metadata));

    // Metadata without a key are no head, and no arguments no payload.
    let none = Metadata::new();
    let open = OpenHeader { stream: 1, target: 7, metadata: Some(&none), ..OpenHeader::default() };
    let bytes = written(|out| FRAMING.encode_open(out, &open, nothing).unwrap());
    assert_eq!(&bytes[..], b"\0\0\0\x0a\x17\x02\x02\0\0\0\0\x01\0\x07");
    let frame = FRAMING.decode_v3(&bytes).unwrap().unwrap();
    assert!(frame.head.is_empty() && frame.payload.is_empty() && frame.encoding.is_none());
}

#[test]
fn an_empty_end_has_no_payload_but_a_seal() {
    let end = ItemHeader { stream: 3, flags: Flags::END | Flags::EMPTY, ..ItemHeader::default() };
    let bytes = written(|out| FRAMING.encode_item(out, &end, nothing).unwrap());
    assert_eq!(&bytes[..], b"\0\0\0\x08\x17\x02\x03\x11\0\0\0\x03");
    assert!(FRAMING.decode_v3(&bytes).unwrap().is_ok());
    let sealed = ItemHeader { flags: end.flags | Flags::SEALED, ..end };
    let bytes = written(|out| {
        let tag = |out: &mut BytesMut| {
            out.extend_from_slice(&[7; 16]);
            Ok::<(), EncodeError>(())
        };
        FRAMING.encode_item(out, &sealed, tag).unwrap();
    });
    assert_eq!(FRAMING.decode_v3(&bytes).unwrap().unwrap().payload.len(), 16);
}

#[test]
fn errors_hold_what_is_known_of_them() {
    let code = Code::custom("ERR_BAD_PIN");
    let error = ErrorHeader {
        stream: 1,
        encoding: Encoding::Json,
        flags: Flags::NONE,
        code: &code,
        message: Some("no \"such\" pin"),
        field: None,
        metadata: None,
    };
    let tries = |encoding| Some(move |out: &mut BytesMut| encode(&[("tries", 2)], encoding, out));
    for (encoding, payload) in [
        (
            Encoding::Json,
            &br#"{"error":"ERR_BAD_PIN","message":"no \"such\" pin","details":[["tries",2]]}"#[..],
        ),
        (
            Encoding::ZiProto,
            b"\x83\xa5error\xabERR_BAD_PIN\xa7message\xadno \"such\" pin\xa7details\x91\x92\xa5tries\x02",
        ),
    ] {
        let error = ErrorHeader { encoding, ..error };
        let bytes = written(|out| FRAMING.encode_error(out, &error, tries(encoding)).unwrap());
        let frame = FRAMING.decode_v3(&bytes).unwrap().unwrap();
        assert_eq!(frame.kind, FrameKind::Error);
        assert_eq!(&bytes[frame.payload], payload);
    }
    let none = None::<fn(&mut BytesMut) -> Result<(), EncodeError>>;
    let error = ErrorHeader { message: None, field: Some("pin"), ..error };
    let bytes = written(|out| FRAMING.encode_error(out, &error, none).unwrap());
    assert!(bytes.ends_with(br#"{"error":"ERR_BAD_PIN","field":"pin"}"#));
}

#[test]
fn a_frame_that_does_not_fit_leaves_no_trace() {
    let json = |size: usize| {
        move |out: &mut BytesMut| {
            out.extend_from_slice(&vec![b' '; size]);
            Ok::<(), EncodeError>(())
        }
    };
    let item = ItemHeader { stream: 1, ..ItemHeader::default() };
    let mut out = BytesMut::from(&b"before"[..]);
    let small = FRAMING.with_max_packet_size(100);
    let error = small.encode_item(&mut out, &item, json(93)).unwrap_err();
    assert_eq!(error, EncodeError::TooLarge { length: 101, limit: 100 });
    let one = Framing::new(HeaderSize::One, ByteOrder::Big, 1 << 20);
    let error = one.encode_item(&mut out, &item, json(248)).unwrap_err();
    assert_eq!(error, EncodeError::TooLarge { length: 256, limit: 255 });
    assert!(FRAMING.encode_item(&mut out, &item, |_| Err(EncodeError::new("no"))).is_err());
    for name in [String::new(), "x".repeat(256)] {
        let open = OpenHeader { name: Some(&name), ..OpenHeader::default() };
        assert!(FRAMING.encode_open(&mut out, &open, nothing).is_err());
    }
    let metadata = Metadata::from_iter([("k", vec![0; 65_536])]);
    let item = ItemHeader { metadata: Some(&metadata), ..item };
    let error = FRAMING.encode_item(&mut out, &item, nothing).unwrap_err();
    assert_eq!(error, EncodeError::TooLarge { length: 65_544, limit: 65_535 });
    assert_eq!(&out[..], b"before");
    // Control frames are read by everyone.
    small.with_max_packet_size(8).encode_credit(&mut out, 5, 1, 2);
    assert_eq!(&out[6..], b"\0\0\0\x10\x17\0\x06\0\0\0\0\x05\0\0\0\x01\0\0\0\x02");
}

#[test]
fn hello_and_goaway_read_back_in_either_encoding() {
    let hello = Hello {
        agent: Some("door/2".into()),
        identity: Some("hall".into()),
        credentials: Some(Credentials { api_key: Some("secret".into()) }),
        metadata: [("room".into(), "3".into())].into(),
        limits: PeerLimits { packet_size: Some(4096), streams: Some(9), ..PeerLimits::default() },
        features: vec!["zstd".into(), "sealed".into()],
        seal: Some(SealOffer { key: "k1".into(), salt: "00ff".into() }),
    };
    assert!(!format!("{hello:?}").contains("secret"));
    let goaway =
        GoAway { last: u32::MAX, error: Some(Code::TooManyFrames), message: Some("slow down".into()) };
    for encoding in super::ENCODINGS {
        for (hello, goaway) in [(hello.clone(), goaway.clone()), Default::default()] {
            let bytes = written(|out| {
                FRAMING.encode_hello(out, encoding, &hello).unwrap();
                FRAMING.encode_goaway(out, encoding, &goaway).unwrap();
            });
            let first = FRAMING.decode_v3(&bytes).unwrap().unwrap();
            assert_eq!(Hello::read(&bytes[first.payload], encoding), Ok(hello));
            let bytes = &bytes[first.end..];
            let second = FRAMING.decode_v3(bytes).unwrap().unwrap();
            assert_eq!(GoAway::read(&bytes[second.payload], encoding), Ok(goaway));
        }
        assert_eq!(Hello::read(b"", encoding), Ok(Hello::default()));
    }
    let odd = br#"{"agent": null, "color": [1], "limits": {"speed": 9, "streams": 2}}"#;
    assert_eq!(Hello::read(odd, Encoding::Json).unwrap().limits.streams, Some(2));
    for (wrong, code) in [
        (&b"[1]"[..], Code::RequestMalformed),
        (b"{\"features\": [1]}", Code::FieldInvalid),
        (b"{\"limits\": {\"streams\": -1}}", Code::FieldInvalid),
        (b"{\"agent\": \"a\", \"agent\": \"b\"}", Code::FieldInvalid),
        (b"{\"x\": [[[[[[[[[]]]]]]]]]}", Code::PayloadTooComplex),
    ] {
        let error = Hello::read(wrong, Encoding::Json).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn metadata_are_small_flat_and_unambiguous() {
    let code = |head: &[u8]| Metadata::read(head, Metadata::SIZE).unwrap_err().code();
    for head in
        [&b"\x92\x01\x02"[..], b"\x81\x01\xa1v", b"\x81\xa1k\x01", b"\x81\xa1k\x90", b"\x81\xa1k\xa1\xff"]
    {
        assert_eq!(code(head), Code::RequestMalformed, "{head:x?}");
    }
    assert_eq!(code(b"\x81\xa1k\xa1v\0"), Code::RequestMalformed);
    assert_eq!(code(b"\x82\xa1k\xa1v"), Code::RequestMalformed);
    assert_eq!(code(b"\x82\xa1k\xa1v\xa1k\xa1w"), Code::FieldDuplicate);
    assert_eq!(code(b"\xde\x00\x81"), Code::PayloadTooComplex);
    assert_eq!(code(&[0; Metadata::SIZE + 1]), Code::PacketTooLarge);
    let mut metadata = Metadata::read(b"", 0).unwrap();
    assert_eq!(metadata.insert("a", "1"), None);
    assert_eq!(metadata.insert(String::from("b"), &[2u8][..]), None);
    assert_eq!(metadata.insert("a", "3"), Some("1".into()));
    assert_eq!(
        (metadata.text("a"), metadata.bytes("a"), metadata.bytes("b")),
        (Some("3"), None, Some(&[2][..]))
    );
    assert_eq!(metadata.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(metadata.remove("a"), Some("3".into()));
    assert_eq!(metadata.len(), 1);
    assert_eq!(size_of::<Metadata>(), size_of::<Vec<u8>>());
}
