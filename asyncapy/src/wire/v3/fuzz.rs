//! What the fuzz targets check of protocol V3; see [`__fuzz`](crate::wire::__fuzz).

use bytes::{BufMut, BytesMut};

use super::*;
use crate::wire::{
    ByteOrder, EncodeError, Encoding, Framing, HeaderSize, Index, Kind, PayloadLimits, View, check_value,
};

/// Cuts arbitrary bytes into frames, whole and byte by byte: both must tell the same, and what was read is written as it
/// was.
pub fn frame_v3(data: &[u8]) {
    let [settings, input @ ..] = data else { return };
    let sizes = [HeaderSize::One, HeaderSize::Two, HeaderSize::Four, HeaderSize::Eight];
    let order = if settings & 4 == 0 { ByteOrder::Big } else { ByteOrder::Little };
    let max = if settings & 8 == 0 { 1 << 20 } else { 16 * u32::from(settings >> 4) };
    let size = sizes[usize::from(settings & 3)];
    let framing = Framing::new(size, order, max);

    let mut rest = input;
    while !rest.is_empty() {
        let whole = framing.decode_v3(rest);
        let mut told = (0..=rest.len()).filter_map(|end| match framing.decode_v3(&rest[..end]) {
            Ok(Err(needed)) => {
                assert!(needed > end, "{needed} bytes are needed, {end} are there");
                assert!(needed <= max as usize + size.bytes() || needed == size.bytes());
                None
            }
            told => Some(told),
        });
        match (&whole, told.next()) {
            (Ok(Err(_)), None) => return,
            (whole, Some(first)) => assert_eq!(whole, &first, "more bytes change what the first ones say"),
            (whole, None) => panic!("{whole:?} is said of the whole alone"),
        }
        let Ok(Ok(frame)) = whole else { return };
        assert_eq!(framing.version(rest), Some(23));
        assert_eq!(rewritten(framing, &frame, rest), rest[..frame.end]);
        read_payload(&frame, &rest[frame.payload.clone()]);
        alike(framing, &frame, rest);
        rest = &rest[frame.end..];
    }
}

/// An item is found to be like itself, whole and no shorter.
fn alike(framing: Framing, frame: &Frame, input: &[u8]) {
    let plain = frame.kind == FrameKind::Item && frame.flags == Flags::NONE && !frame.payload.is_empty();
    let prefix: Option<&[u8; frame::PREFIX]> = input[framing.header_size().bytes()..].first_chunk();
    if let (true, Some(prefix)) = (plain, prefix) {
        assert_eq!(framing.decode_alike(*prefix, input), Some(frame.payload.clone()));
        assert_eq!(framing.decode_alike(*prefix, &input[..frame.end - 1]), None);
        let mut other = *prefix;
        other[other.len() - 1] ^= 1;
        assert_eq!(framing.decode_alike(other, input), None);
    }
}

/// The same frame, by the writers where they can have written it.
fn rewritten(framing: Framing, frame: &Frame, input: &[u8]) -> BytesMut {
    assert!(frame.head.end <= frame.payload.start && frame.payload.end == frame.end);
    let Frame { encoding, stream, flags, kind, .. } = *frame;
    let mut out = BytesMut::new();
    let payload = |out: &mut BytesMut| {
        out.extend_from_slice(&input[frame.payload.clone()]);
        Ok::<(), EncodeError>(())
    };
    let head = &input[frame.head.clone()];
    let metadata = Metadata::read(head, Metadata::SIZE).ok().filter(|metadata| {
        let mut again = BytesMut::new();
        metadata.write(&mut again);
        again == head && !metadata.is_empty()
    });
    let written = match (kind, &frame.fields) {
        (FrameKind::Open, Fields::Open { target, name, deadline })
            if head.is_empty() || metadata.is_some() =>
        {
            let name = name.clone().and_then(|name| std::str::from_utf8(&input[name]).ok());
            let (target, deadline) = (*target, *deadline);
            let metadata = metadata.as_ref();
            let set = flags.without(Flags::HEAD | Flags::NAME | Flags::DEADLINE);
            let open = OpenHeader { stream, encoding, flags: set, target, name, deadline, metadata };
            framing.encode_open(&mut out, &open, payload)
        }
        (FrameKind::Item, _) if head.is_empty() || metadata.is_some() => {
            let set = flags.without(Flags::HEAD);
            let item = ItemHeader { stream, encoding, flags: set, metadata: metadata.as_ref() };
            framing.encode_item(&mut out, &item, payload)
        }
        _ => {
            let start = framing.begin_v3(&mut out, kind, flags, encoding, 0);
            framing.set_stream(&mut out[start..], stream);
            match &frame.fields {
                Fields::Credit { items, bytes } => {
                    out.put_u32(*items);
                    out.put_u32(*bytes);
                }
                Fields::Ping(data) => out.extend_from_slice(data),
                Fields::Open { .. } | Fields::None => {
                    let fixed = framing.header_size().bytes() + 8;
                    out.extend_from_slice(&input[fixed..frame.payload.start]);
                }
            }
            payload(&mut out).and_then(|()| framing.finish_v3(&mut out, start))
        }
    };
    assert_eq!(written, Ok(()));
    out
}

fn read_payload(frame: &Frame, payload: &[u8]) {
    let Some(encoding) = frame.encoding else { return };
    let mut again = BytesMut::new();
    match frame.kind {
        FrameKind::Hello => {
            let Ok(hello) = Hello::read(payload, encoding) else { return };
            assert_eq!(hello.write(encoding, &mut again), Ok(()));
            assert_eq!(Hello::read(&again, encoding), Ok(hello));
        }
        FrameKind::GoAway => {
            let Ok(goaway) = GoAway::read(payload, encoding) else { return };
            assert_eq!(goaway.write(encoding, &mut again), Ok(()));
            assert_eq!(GoAway::read(&again, encoding), Ok(goaway));
        }
        _ => payload_v3(payload, encoding),
    }
}

/// Reads arbitrary bytes as arguments and as any value: the first are the second, if a map or a list.
pub fn payload_v3(payload: &[u8], encoding: Encoding) {
    let limits = PayloadLimits { depth: 127, nodes: u32::MAX };
    let value = check_value(payload, encoding, &limits);
    let mut index = Index::default();
    let built = index.build_arguments(payload, encoding, &limits);
    if built.is_err() {
        assert!(index.is_empty());
        return;
    }
    if payload.is_empty() {
        assert!(index.is_empty() && value.is_err());
        return;
    }
    assert_eq!(value, Ok(()));
    let view = View::new(payload, encoding, &index);
    assert_eq!(view.as_value().kind(), if view.is_list() { Kind::List } else { Kind::Map });
    assert_eq!(view.is_list(), Index::default().build(payload, encoding, &limits).is_err());
    if let Some(elements) = view.as_value().elements() {
        let elements: Vec<_> = elements.map(|element| element.bytes()).collect();
        assert_eq!(elements.len(), view.len());
        for (position, element) in elements.into_iter().enumerate() {
            assert_eq!(view.nth(position).map(|value| value.bytes()), Some(element));
            assert_eq!(check_value(element, encoding, &limits), Ok(()));
            assert!(!view.key_is(position, ""));
        }
    }
    assert!(view.nth(view.len()).is_none());
}

/// Reads arbitrary bytes as a head: accepted is what the index, which reads any map, finds in order.
pub fn metadata(data: &[u8]) {
    let read = Metadata::read(data, Metadata::SIZE);
    let mut index = Index::default();
    let built = index.build(data, Encoding::ZiProto, &PayloadLimits::default());
    let view = View::new(data, Encoding::ZiProto, &index);
    let value = view.as_value();
    let pairs: Vec<_> = built.iter().flat_map(|()| value.entries()).flatten().collect();
    let mut names: Vec<_> = pairs.iter().map(|(key, _)| key).collect();
    names.sort_unstable();
    names.dedup();
    let metadata = match read {
        Ok(metadata) => metadata,
        Err(MetadataError::TooLarge { .. }) => return assert!(data.len() > Metadata::SIZE),
        Err(MetadataError::TooMany) => return assert!(built.is_err() || pairs.len() > Metadata::ENTRIES),
        Err(MetadataError::Duplicate { .. }) => return assert!(built.is_err() || names.len() < pairs.len()),
        Err(MetadataError::Malformed { .. }) => {
            let simple = |kind| matches!(kind, Kind::Text | Kind::Bytes);
            let fine = pairs.iter().all(|(_, value)| simple(value.kind()));
            // A key that is a number has a text for the index.
            let texts =
                (0..view.len()).all(|position| matches!(view.key(position), std::borrow::Cow::Borrowed(_)));
            return assert!(built.is_err() || !fine || !texts);
        }
    };
    if data.is_empty() {
        return assert!(metadata.is_empty());
    }
    assert!(metadata.len() == pairs.len() && metadata.len() == names.len());
    for ((key, value), (name, found)) in metadata.iter().zip(&pairs) {
        assert_eq!(key, name);
        assert_eq!(value.as_text(), found.as_str().as_deref());
        assert_eq!(value.as_bytes(), found.as_bytes());
    }
    let mut again = BytesMut::new();
    metadata.write(&mut again);
    assert!(again.len() <= data.len());
    assert_eq!(Metadata::read(&again, Metadata::SIZE), Ok(metadata));
}
