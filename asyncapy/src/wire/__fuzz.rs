//! What the fuzz targets check. The corpus is replayed through the same functions by an ordinary test.

use bytes::BytesMut;
use serde_json::Value as Tree;

use super::*;

pub use super::v3::fuzz::{frame_v3, metadata, payload_v3};

/// Cuts arbitrary bytes into frames, whole and byte by byte: both must tell the same.
pub fn frame(data: &[u8]) {
    let [settings, input @ ..] = data else { return };
    let sizes = [HeaderSize::One, HeaderSize::Two, HeaderSize::Four, HeaderSize::Eight];
    let order = if settings & 4 == 0 { ByteOrder::Big } else { ByteOrder::Little };
    let max = if settings & 8 == 0 { 1 << 20 } else { u32::from(settings >> 4) };
    let framing = Framing::new(sizes[usize::from(settings & 3)], order, max);

    let mut from = 0;
    while from < input.len() {
        let rest = &input[from..];
        let whole = framing.decode(rest);
        let first =
            (0..=rest.len()).map(|end| (end, framing.decode(&rest[..end]))).find_map(
                |(end, cut)| match cut {
                    Ok(Err(needed)) => {
                        assert!(needed > end, "{needed} bytes are needed, {end} are there");
                        None
                    }
                    told => Some(told),
                },
            );
        match (&whole, first) {
            (Ok(Err(_)), None) => return,
            (told, Some(cut)) => assert_eq!(told, &cut, "more bytes change what the first ones say"),
            (told, None) => panic!("{told:?} is said of the whole alone"),
        }
        let Ok(Ok(frame)) = whole else { return };
        assert!(frame.payload.end <= rest.len() && frame.payload.len() >= 3);
        let mut again = BytesMut::new();
        let payload = &rest[frame.payload.clone()];
        let written = framing.encode(frame.encoding, &mut again, |out| {
            out.extend_from_slice(payload);
            Ok::<(), EncodeError>(())
        });
        assert_eq!(written, Ok(()));
        assert_eq!(again, rest[..frame.payload.end]);
        from += frame.payload.end;
    }
}

/// Indexes arbitrary bytes as JSON: accepted is what serde_json accepts.
pub fn json_index(data: &[u8]) {
    let limits = PayloadLimits { depth: 127, nodes: u32::MAX };
    let mut index = Index::default();
    let built = index.build(data, Encoding::Json, &limits);
    let tree = serde_json::from_slice::<Tree>(data);
    let value = check_value(data, Encoding::Json, &limits);
    match (&value, &tree) {
        (Ok(()), Err(error)) => assert!(error.to_string().starts_with("number out of range"), "{error}"),
        (value, tree) => assert_eq!(value.is_ok(), tree.is_ok(), "{value:?} {tree:?}"),
    }
    payload_v3(data, Encoding::Json);
    match (&built, &tree) {
        (Ok(()), Ok(tree)) => {
            assert!(tree.is_object());
            same_fields(&View::new(data, Encoding::Json, &index), tree);
        }
        // Such a number is valid JSON; only `f64` cannot hold it.
        (Ok(()), Err(error)) => assert!(error.to_string().starts_with("number out of range"), "{error}"),
        (Err(_), Ok(tree)) => assert!(!tree.is_object(), "{built:?} {tree}"),
        (Err(_), Err(_)) => assert!(index.is_empty()),
    }
    if built.is_ok() {
        read_all(&View::new(data, Encoding::Json, &index));
    }
}

/// Indexes arbitrary bytes as ZiProto: accepted is what a plain recursive reader accepts.
pub fn msgpack_index(data: &[u8]) {
    let limits = PayloadLimits { depth: 127, nodes: u32::MAX };
    let mut index = Index::default();
    let built = index.build(data, Encoding::ZiProto, &limits);
    let mut rest = data;
    let value = reference_value(&mut rest, 127).filter(|_| rest.is_empty());
    assert_eq!(check_value(data, Encoding::ZiProto, &limits).is_ok(), value.is_some());
    payload_v3(data, Encoding::ZiProto);
    let accepted = value.is_some_and(|map| map);
    assert_eq!(built.is_ok(), accepted, "{built:?}");
    if built.is_ok() {
        let view = View::new(data, Encoding::ZiProto, &index);
        let tree = view.deserialize::<Tree>().ok();
        if let Some(tree) = tree {
            same_fields(&view, &tree);
        }
        read_all(&view);
    } else {
        assert!(index.is_empty());
    }
}

/// The last field of each name is what a decoder of the whole payload found.
fn same_fields(view: &View<'_>, tree: &Tree) {
    for position in 0..view.len() {
        let key = view.key(position);
        let value = view.get(&key).and_then(|value| value.deserialize::<Tree>().ok());
        assert_eq!(value.as_ref(), tree.get(&*key), "{key:?}");
    }
    let names: std::collections::HashSet<_> = (0..view.len()).map(|position| view.key(position)).collect();
    assert_eq!(Some(names.len()), tree.as_object().map(serde_json::Map::len));
}

/// Reads everything in every way, and writes it in the other encoding and back.
fn read_all(view: &View<'_>) {
    for position in 0..view.len() {
        let key = view.key(position);
        assert!(view.key_is(position, &key));
        assert!(!view.key_is(position, &format!("{key}x")));
        assert_eq!(view.key_hash(position), View::hash_name(&key));
        read(&view.value(position), 0);
    }
    read(&view.as_value(), 0);

    let (from, to) = match view.encoding() {
        Encoding::Json => (Encoding::Json, Encoding::ZiProto),
        Encoding::ZiProto => (Encoding::ZiProto, Encoding::Json),
    };
    let mut there = BytesMut::new();
    if transcode(view.payload(), from, to, &mut there).is_ok() {
        let mut index = Index::default();
        let limits = PayloadLimits { depth: 127, nodes: u32::MAX };
        assert_eq!(index.build(&there, to, &limits), Ok(()));
        let other = View::new(&there, to, &index);
        for position in 0..view.len() {
            assert_eq!(view.key(position), other.key(position));
        }
        // serde_json's tree takes no `bin`, and makes a float of `-0`, which is an integer to everyone else.
        let negative_zero = view.payload().windows(2).any(|pair| pair == b"-0");
        if let (Ok(tree), false) = (view.deserialize::<Tree>(), negative_zero) {
            assert_eq!(other.deserialize::<Tree>(), Ok(tree));
        }
    }
    let spaced = view.to_string();
    assert!(spaced.starts_with('{') && spaced.ends_with('}'));
}

fn read(value: &Value<'_>, depth: u32) {
    let kind = value.kind();
    assert_eq!(value.as_str().is_some(), kind == Kind::Text);
    assert_eq!(value.as_bool().is_some(), kind == Kind::Bool);
    assert_eq!(value.as_bytes().is_some(), kind == Kind::Bytes);
    assert_eq!(value.elements().is_some(), kind == Kind::List);
    assert_eq!(value.entries().is_some(), kind == Kind::Map);
    if let (Some(signed), Some(unsigned)) = (value.as_i64(), value.as_u64()) {
        assert_eq!(u64::try_from(signed), Ok(unsigned));
    }
    match kind {
        Kind::Integer => {
            if let Some(number) = value.as_i64() {
                assert!(value.text().is_some_and(|text| text.parse() == Ok(number)));
            }
            assert!(value.as_f64().is_some() || value.bytes().len() > 300);
        }
        Kind::Float => {
            if let Some(number) = value.as_f64().filter(|number| number.is_finite()) {
                assert!(value.text().is_some_and(|text| text.parse() == Ok(number)));
            }
        }
        _ => assert_eq!(value.as_f64(), None),
    }
    // Deep lists cost their depth at each level.
    if depth < 8 {
        value.elements().into_iter().flatten().for_each(|value| read(&value, depth + 1));
        value.entries().into_iter().flatten().for_each(|(_, value)| read(&value, depth + 1));
    }
}

/// Takes a value off the front, as the MessagePack document says it; whether it was a map.
fn reference_value(rest: &mut &[u8], depth: u32) -> Option<bool> {
    let marker = *rest.split_off_first()?;
    fn skip<'a>(rest: &mut &'a [u8], size: u64) -> Option<&'a [u8]> {
        rest.split_off(..usize::try_from(size).ok()?)
    }
    let number = |rest: &mut &[u8], size: u64| {
        let bytes = skip(rest, size)?;
        Some(bytes.iter().fold(0u64, |number, &byte| number << 8 | u64::from(byte)))
    };
    let text = |rest: &mut &[u8], size: u64| std::str::from_utf8(skip(rest, size)?).ok().map(|_| ());
    let list = |rest: &mut &[u8], count: u64| {
        let depth = depth.checked_sub(1)?;
        (0..count).try_for_each(|_| reference_value(rest, depth).map(|_| ()))
    };
    let map = |rest: &mut &[u8], count: u64| {
        let depth = depth.checked_sub(1)?;
        (0..count).try_for_each(|_| {
            match *rest.first()? {
                0x00..=0x7f | 0xa0..=0xbf | 0xc0 | 0xc2 | 0xc3 | 0xcc..=0xd3 | 0xd9..=0xdb | 0xe0..=0xff => {}
                _ => return None,
            }
            reference_value(rest, depth)?;
            reference_value(rest, depth).map(|_| ())
        })
    };
    let is_map = matches!(marker, 0x80..=0x8f | 0xde | 0xdf);
    match marker {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => {}
        0x80..=0x8f => map(rest, u64::from(marker & 15))?,
        0x90..=0x9f => list(rest, u64::from(marker & 15))?,
        0xa0..=0xbf => text(rest, u64::from(marker & 31))?,
        0xc4..=0xc6 => {
            let size = number(rest, 1 << (marker - 0xc4))?;
            skip(rest, size)?;
        }
        0xca | 0xcb => {
            skip(rest, 4 << (marker - 0xca))?;
        }
        0xcc..=0xcf => {
            skip(rest, 1 << (marker - 0xcc))?;
        }
        0xd0..=0xd3 => {
            skip(rest, 1 << (marker - 0xd0))?;
        }
        0xd9..=0xdb => {
            let size = number(rest, 1 << (marker - 0xd9))?;
            text(rest, size)?;
        }
        0xdc | 0xdd => {
            let count = number(rest, 2 << (marker - 0xdc))?;
            list(rest, count)?;
        }
        0xde | 0xdf => {
            let count = number(rest, 2 << (marker - 0xde))?;
            map(rest, count)?;
        }
        0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => return None,
    }
    Some(is_map)
}

/// Decompresses arbitrary bytes under a limit that the first one chooses; what comes out compresses to the same again.
#[cfg(feature = "zstd")]
pub fn decompress(data: &[u8]) {
    let [limit, payload @ ..] = data else { return };
    let limit = 1usize << (limit % 21);
    let mut plain = BytesMut::from(&b"front"[..]);
    if super::decompress(payload, limit, &mut plain).is_err() {
        assert_eq!(plain, b"front"[..]);
        return;
    }
    let length = plain.len() - 5;
    assert!(length <= limit);
    let mut again = plain.clone();
    if super::compress(&mut again, 5, 1, 0) {
        let mut twice = BytesMut::from(&b"front"[..]);
        super::decompress(&again[5..], length, &mut twice).expect("what was compressed here");
        assert_eq!(twice, plain);
    }
    assert_eq!(again.len() < plain.len(), again != plain);
}
