use bytes::BytesMut;
use proptest::prelude::*;

use super::super::__fuzz;
use super::super::v3::Frame;
use super::super::v3::*;
use super::super::*;
use crate::Code;

fn framing() -> impl Strategy<Value = Framing> {
    let sizes = vec![HeaderSize::Two, HeaderSize::Four, HeaderSize::Eight];
    (proptest::sample::select(sizes), any::<bool>()).prop_map(|(size, big)| {
        Framing::new(size, if big { ByteOrder::Big } else { ByteOrder::Little }, 1 << 20)
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let value = prop_oneof![
        any::<String>().prop_map(MetadataValue::from),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(MetadataValue::from),
    ];
    proptest::collection::btree_map("[a-z]{0,40}", value, 0..20).prop_map(Metadata::from_iter)
}

/// A frame, as its writer is told of it.
#[derive(Clone, Debug)]
enum Sent {
    Hello(Box<Hello>),
    Open { flags: Flags, target: u16, name: Option<String>, deadline: Option<u32>, metadata: Metadata },
    Item { flags: Flags, metadata: Metadata },
    Error { code: String, message: Option<String>, field: Option<String>, details: Option<Vec<u32>> },
    Cancel,
    Credit { connection: bool, items: u32, bytes: u32 },
    Ping([u8; 8], bool),
    GoAway(GoAway),
}

fn hello() -> impl Strategy<Value = Hello> {
    let limits = (any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>());
    (any::<Option<String>>(), any::<Option<String>>(), limits, any::<Vec<String>>()).prop_map(
        |(agent, api_key, (packet_size, streams, ping_interval), features)| Hello {
            agent,
            credentials: api_key.map(|key| Credentials { api_key: Some(key) }),
            limits: PeerLimits { packet_size, streams, ping_interval, ..PeerLimits::default() },
            features,
            ..Hello::default()
        },
    )
}

fn sent() -> impl Strategy<Value = Sent> {
    let text = proptest::option::of("\\PC{0,20}");
    let flags = |allowed: u8| any::<u8>().prop_map(move |flags| Flags(flags & allowed));
    prop_oneof![
        hello().prop_map(|hello| Sent::Hello(Box::new(hello))),
        (flags(0x61), any::<u16>(), proptest::option::of("\\PC{1,60}"), any::<Option<u32>>(), metadata())
            .prop_map(|(flags, target, name, deadline, metadata)| {
                Sent::Open { flags, target, name, deadline, metadata }
            }),
        (flags(0x61), metadata()).prop_map(|(flags, metadata)| Sent::Item { flags, metadata }),
        ("ERR_[A-Z]{0,9}", text.clone(), text.clone(), any::<Option<Vec<u32>>>())
            .prop_map(|(code, message, field, details)| Sent::Error { code, message, field, details }),
        Just(Sent::Cancel),
        (any::<bool>(), any::<u32>(), any::<u32>()).prop_map(|(connection, items, bytes)| Sent::Credit {
            connection,
            items,
            bytes
        }),
        (any::<[u8; 8]>(), any::<bool>()).prop_map(|(data, ack)| Sent::Ping(data, ack)),
        (any::<u32>(), any::<bool>(), text).prop_map(|(last, error, message)| {
            Sent::GoAway(GoAway { last, error: error.then_some(Code::FlowControl), message })
        }),
    ]
}

/// Writes a frame on a stream, with bytes for a payload where the kind leaves it open.
fn write(framing: Framing, sent: &Sent, stream: u32, json: bool, payload: &[u8], out: &mut BytesMut) {
    let encoding = super::ENCODINGS[usize::from(!json)];
    let put = |out: &mut BytesMut| {
        out.extend_from_slice(payload);
        Ok::<(), EncodeError>(())
    };
    match sent {
        Sent::Hello(hello) => framing.encode_hello(out, encoding, hello),
        Sent::Open { flags, target, name, deadline, metadata } => {
            let (flags, target, name, deadline) = (*flags, *target, name.as_deref(), *deadline);
            let metadata = Some(metadata);
            let open = OpenHeader { stream, encoding: None, flags, target, name, deadline, metadata };
            framing.encode_open(out, &open, put)
        }
        Sent::Item { flags, metadata } => {
            let metadata = Some(metadata);
            framing.encode_item(out, &ItemHeader { stream, encoding: None, flags: *flags, metadata }, put)
        }
        Sent::Error { code, message, field, details } => {
            let code = Code::from(&**code);
            let (message, field) = (message.as_deref(), field.as_deref());
            let error = ErrorHeader {
                stream,
                encoding,
                flags: Flags::NONE,
                code: &code,
                message,
                field,
                metadata: None,
            };
            let details = details.as_ref().map(|details| |out: &mut BytesMut| encode(details, encoding, out));
            framing.encode_error(out, &error, details)
        }
        Sent::Cancel => {
            framing.encode_cancel(out, stream);
            Ok(())
        }
        Sent::Credit { connection, items, bytes } => {
            let (stream, items) = if *connection { (0, 0) } else { (stream, *items) };
            framing.encode_credit(out, stream, items, *bytes);
            Ok(())
        }
        Sent::Ping(data, ack) => {
            framing.encode_ping(out, *data, *ack);
            Ok(())
        }
        Sent::GoAway(goaway) => framing.encode_goaway(out, encoding, goaway),
    }
    .unwrap();
}

/// Compares a frame that was read with what was sent.
fn compare(bytes: &[u8], frame: &Frame, sent: &Sent, stream: u32, payload: &[u8]) {
    let read = &bytes[frame.payload.clone()];
    let head = Metadata::read(&bytes[frame.head.clone()], usize::MAX).unwrap();
    let set = frame.flags.without(Flags::HEAD | Flags::NAME | Flags::DEADLINE);
    let on_stream = match sent {
        Sent::Hello(hello) => {
            assert_eq!(Hello::read(read, frame.encoding.unwrap()), Ok((**hello).clone()));
            false
        }
        Sent::Open { flags, target, name, deadline, metadata } => {
            let Fields::Open { target: number, name: place, deadline: left } = frame.fields.clone() else {
                panic!("{frame:?}")
            };
            assert_eq!((number, left, set, &head), (*target, *deadline, *flags, metadata));
            assert_eq!(place.map(|place| &bytes[place]), name.as_ref().map(|name| name.as_bytes()));
            assert_eq!(read, payload);
            true
        }
        Sent::Item { flags, metadata } => {
            assert_eq!((set, &head, read), (*flags, metadata, payload));
            true
        }
        Sent::Error { code, message, field, details } => {
            let map: std::collections::BTreeMap<String, serde_json::Value> =
                decode_value(read, frame.encoding.unwrap()).unwrap();
            let text = |key: &str| map.get(key).and_then(|value| value.as_str());
            assert_eq!((text("error"), text("message")), (Some(&**code), message.as_deref()));
            assert_eq!(text("field"), field.as_deref());
            assert_eq!(map.get("details"), details.clone().map(serde_json::Value::from).as_ref());
            true
        }
        Sent::Cancel => {
            assert_eq!((frame.kind, read), (FrameKind::Cancel, &[][..]));
            true
        }
        Sent::Credit { connection, items, bytes } => {
            let items = if *connection { 0 } else { *items };
            assert_eq!(frame.fields, Fields::Credit { items, bytes: *bytes });
            !connection
        }
        Sent::Ping(data, ack) => {
            assert_eq!((&frame.fields, frame.flags.has(Flags::ACK)), (&Fields::Ping(*data), *ack));
            false
        }
        Sent::GoAway(goaway) => {
            assert_eq!(GoAway::read(read, frame.encoding.unwrap()), Ok(goaway.clone()));
            false
        }
    };
    assert_eq!(frame.stream, if on_stream { stream } else { 0 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_split_gives_the_frames_that_were_written(
        framing in framing(),
        frames in proptest::collection::vec(
            (sent(), 1u32.., any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..8),
        cuts in proptest::collection::vec(1usize..40, 1..40),
    ) {
        let mut stream = BytesMut::new();
        for (sent, number, json, payload) in &frames {
            write(framing, sent, *number, *json, payload, &mut stream);
        }
        let mut received = Vec::new();
        let mut from = 0;
        let mut expected = frames.iter();
        let mut cuts = cuts.into_iter().cycle();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (segment, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            received.extend_from_slice(segment);
            rest = after;
            while let Ok(frame) = framing.decode_v3(&received[from..]).unwrap() {
                let (sent, number, _, payload) = expected.next().unwrap();
                compare(&received[from..], &frame, sent, *number, payload);
                from += frame.end;
            }
        }
        prop_assert!(expected.next().is_none());
        prop_assert_eq!(from, stream.len());
    }

    #[test]
    fn no_frame_written_and_changed_panics(
        framing in framing(),
        frame in (sent(), any::<u32>(), any::<bool>()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        settings in any::<u8>(),
    ) {
        let (sent, number, json) = frame;
        let mut bytes = BytesMut::from(&[settings][..]);
        write(framing, &sent, number, json, b"[1, 2]", &mut bytes);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        __fuzz::frame_v3(&bytes);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        __fuzz::frame_v3(&bytes);
        __fuzz::metadata(&bytes);
        for encoding in super::ENCODINGS {
            __fuzz::payload_v3(&bytes, encoding);
            // Whatever it is, it is said without a panic.
            let _ = decode_value::<serde_json::Value>(&bytes, encoding);
        }
    }

    #[test]
    fn metadata_read_back(metadata in metadata(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut head = BytesMut::new();
        metadata.write(&mut head);
        prop_assert_eq!(&Metadata::read(&head, Metadata::SIZE), &Ok(metadata));
        __fuzz::metadata(&head);
        let at = at.index(head.len());
        head[at] = byte;
        __fuzz::metadata(&head);
    }
}
