use std::collections::BTreeMap;

use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::{Map, Value as Tree};

use super::super::*;
use super::{ENCODINGS, encoded, index, transcoded};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{0,12}",
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![Just('"'), Just('\\'), Just('\n'), Just('é'), Just('😀'), any::<char>()],
            0..40
        )
        .prop_map(String::from_iter),
        "[ -~]{30,40}",
        (250usize..260).prop_map(|size| "x".repeat(size)),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        any::<u64>().prop_map(Tree::from),
        (-200i64..70_000).prop_map(Tree::from),
        any::<f64>().prop_filter_map("JSON has finite numbers only", |number| {
            serde_json::Number::from_f64(number).map(Tree::Number)
        }),
        text().prop_map(Tree::from),
        // More than the sixteen whose count fits in ZiProto's marker.
        proptest::collection::vec(any::<u8>(), 14..20).prop_map(Tree::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Tree::from),
            proptest::collection::btree_map(text(), inner, 0..6)
                .prop_map(|map| Tree::Object(map.into_iter().collect())),
        ]
    })
}

fn map() -> impl Strategy<Value = Map<String, Tree>> {
    proptest::collection::btree_map(text(), tree(), 0..6).prop_map(Map::from_iter)
}

/// Valid JSON, set with white space and escapes that serde_json would not write itself.
fn json() -> impl Strategy<Value = Vec<u8>> {
    (map(), any::<bool>(), any::<bool>()).prop_map(|(map, pretty, escape)| {
        let text =
            if pretty { serde_json::to_string_pretty(&map) } else { serde_json::to_string(&map) }.unwrap();
        if !escape {
            return text.into_bytes();
        }
        let mut escaped = String::new();
        for character in text.chars() {
            if character.is_ascii() {
                escaped.push(character);
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
        escaped.into_bytes()
    })
}

/// Bytes with a few of them changed, taken out or put in.
fn mutated(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![any::<u8>(), proptest::sample::select(&b"{}[]\",:\\-.eE0123 \x80\xc0\xdf\xdd"[..])];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), byte, 0..3), 0..4);
    (bytes, changes).prop_map(|(mut bytes, changes)| {
        for (at, byte, change) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match change {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        bytes
    })
}

fn framing() -> impl Strategy<Value = Framing> {
    let sizes = vec![HeaderSize::One, HeaderSize::Two, HeaderSize::Four, HeaderSize::Eight];
    (proptest::sample::select(sizes), any::<bool>()).prop_map(|(size, big)| {
        Framing::new(size, if big { ByteOrder::Big } else { ByteOrder::Little }, 1 << 20)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_reads_back(map in map()) {
        for encoding in ENCODINGS {
            let payload = encoded(&map, encoding);
            let index = index(&payload, encoding).unwrap();
            let view = View::new(&payload, encoding, &index);
            prop_assert_eq!(view.deserialize::<Map<String, Tree>>().unwrap(), map.clone());
            prop_assert_eq!(view.len(), map.len());
            for (key, value) in &map {
                let read = view.get(key).unwrap();
                prop_assert_eq!(&read.deserialize::<Tree>().unwrap(), value);
                prop_assert_eq!(read.as_i64(), value.as_i64());
                prop_assert_eq!(read.as_u64(), value.as_u64());
                prop_assert_eq!(read.as_f64(), value.as_f64());
                prop_assert_eq!(read.as_bool(), value.as_bool());
                prop_assert_eq!(read.as_str(), value.as_str().map(Into::into));
                prop_assert_eq!(read.is_null(), value.is_null());
                let text = match value {
                    Tree::String(text) => Some(text.clone()),
                    Tree::Array(_) | Tree::Object(_) => None,
                    scalar => Some(scalar.to_string()),
                };
                prop_assert_eq!(read.text(), text.map(Into::into));
                let elements = read.elements().map(|values| values.map(|value| value.deserialize().unwrap()).collect());
                prop_assert_eq!(elements.map(Tree::Array), value.is_array().then(|| value.clone()));
                let entries = read.entries().map(|pairs| {
                    pairs.map(|(key, value)| (key.into_owned(), value.deserialize().unwrap())).collect()
                });
                prop_assert_eq!(entries.map(Tree::Object), value.is_object().then(|| value.clone()));
            }
        }
    }

    #[test]
    fn json_is_written_as_serde_json_writes_it(map in map(), numbers: (i128, u128, f32, f64, char)) {
        prop_assert_eq!(&encoded(&map, Encoding::Json)[..], &serde_json::to_vec(&map).unwrap()[..]);
        if numbers.2.is_finite() && numbers.3.is_finite() {
            prop_assert_eq!(&encoded(&numbers, Encoding::Json)[..], &serde_json::to_vec(&numbers).unwrap()[..]);
        }
    }

    #[test]
    fn ziproto_is_read_and_written_as_others_do(map in map()) {
        let ours = encoded(&map, Encoding::ZiProto);
        let theirs = rmp_serde::to_vec_named(&map).unwrap();
        prop_assert_eq!(&ours[..], &theirs[..]);
        prop_assert_eq!(rmp_serde::from_slice::<Map<String, Tree>>(&ours).unwrap(), map);
    }

    #[test]
    fn other_encodings_hold_the_same(map in map(), json in json()) {
        for (from, to) in [(Encoding::Json, Encoding::ZiProto), (Encoding::ZiProto, Encoding::Json)] {
            let payload = encoded(&map, from);
            let there = transcoded(&payload, from, to);
            prop_assert_eq!(&there, &encoded(&map, to));
            prop_assert_eq!(&transcoded(&there, to, from), &payload);
        }
        let tree: Tree = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(transcoded(&json, Encoding::Json, Encoding::ZiProto), encoded(&tree, Encoding::ZiProto));
    }

    #[test]
    fn spaced_text_is_json(map in map()) {
        for encoding in ENCODINGS {
            let payload = encoded(&map, encoding);
            let index = index(&payload, encoding).unwrap();
            let text = View::new(&payload, encoding, &index).to_string();
            prop_assert_eq!(serde_json::from_str::<Map<String, Tree>>(&text).unwrap(), map.clone());
        }
    }

    #[test]
    fn the_json_index_accepts_what_serde_json_accepts(bytes in mutated(json())) {
        __fuzz::json_index(&bytes);
    }

    #[test]
    fn the_ziproto_index_accepts_what_the_document_says(
        bytes in mutated(map().prop_map(|map| encoded(&map, Encoding::ZiProto).to_vec()))
    ) {
        __fuzz::msgpack_index(&bytes);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        __fuzz::frame(&bytes);
        __fuzz::json_index(&bytes);
        __fuzz::msgpack_index(&bytes);
        for (from, to) in [(Encoding::Json, Encoding::ZiProto), (Encoding::ZiProto, Encoding::Json)] {
            let mut out = BytesMut::from(&b"before"[..]);
            let written = transcode(&bytes, from, to, &mut out);
            prop_assert!(out.starts_with(b"before"));
            prop_assert!(written.is_ok() || out.len() == 6);
        }
    }

    #[test]
    fn integers_that_are_keys_read_as_their_text(keys in proptest::collection::btree_map(any::<i64>(), any::<u8>(), 0..8)) {
        let payload = encoded(&keys, Encoding::ZiProto);
        let index = index(&payload, Encoding::ZiProto).unwrap();
        let view = View::new(&payload, Encoding::ZiProto, &index);
        for (position, (key, value)) in keys.iter().enumerate() {
            let name = key.to_string();
            prop_assert!(view.key_is(position, &name));
            prop_assert_eq!(view.key(position), &name[..]);
            prop_assert_eq!(view.key_hash(position), View::hash_name(&name));
            prop_assert_eq!(view.get(&name).and_then(|value| value.as_u64()), Some(u64::from(*value)));
        }
        prop_assert_eq!(&view.deserialize::<BTreeMap<i64, u8>>().unwrap(), &keys);
        let json = transcoded(&payload, Encoding::ZiProto, Encoding::Json);
        prop_assert_eq!(&json, &encoded(&keys, Encoding::Json));
        let back = transcoded(&json, Encoding::Json, Encoding::ZiProto);
        prop_assert_eq!(&super::super::value::deserialize::<BTreeMap<i64, u8>>(&back, Encoding::ZiProto).unwrap(), &keys);
    }

    #[test]
    fn any_split_gives_the_same_frames(
        framing in framing(),
        numbers in proptest::collection::vec((any::<u32>(), any::<bool>()), 0..20),
        cuts in proptest::collection::vec(1usize..40, 1..40),
    ) {
        let mut stream = BytesMut::new();
        for (number, json) in &numbers {
            let encoding = ENCODINGS[usize::from(!json)];
            framing.encode(encoding, &mut stream, |out| encode_map(&BTreeMap::from([("n", number)]), encoding, out)).unwrap();
        }
        let mut received = Vec::new();
        let mut from = 0;
        let mut seen = Vec::new();
        let mut cuts = cuts.into_iter().cycle();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (segment, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            received.extend_from_slice(segment);
            rest = after;
            while let Ok(frame) = framing.decode(&received[from..]).unwrap() {
                let payload = &received[from..][frame.payload.clone()];
                let index = index(payload, frame.encoding).unwrap();
                let number = View::new(payload, frame.encoding, &index).get("n").unwrap().as_u64().unwrap();
                seen.push((number as u32, frame.encoding == Encoding::Json));
                from += frame.payload.end;
            }
        }
        prop_assert_eq!(seen, numbers);
        prop_assert_eq!(from, stream.len());
    }
}
