//! The frames of `tests/vectors/asyncaproto-v3.json`; a test of the server's plays its exchanges.

use std::collections::BTreeMap;

use bytes::BytesMut;
use serde::Deserialize;
use serde_json::Value as Tree;

use super::super::v3::*;
use super::super::*;

#[derive(Deserialize)]
struct File {
    frames: Vec<Whole>,
    malformed: Vec<Malformed>,
    heads: Vec<Head>,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Settings {
    id: String,
    header_size: u8,
    byteorder: String,
    max_packet_size: Option<u32>,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(flatten)]
    settings: Settings,
    hex: String,
    kind: String,
    flags: Vec<String>,
    encoding: String,
    stream: u32,
    target: Option<u16>,
    name: Option<String>,
    deadline: Option<u32>,
    items: Option<u32>,
    bytes: Option<u32>,
    data: Option<String>,
    #[serde(default)]
    head: BTreeMap<String, Tree>,
    payload: String,
    /// `null` is a value too.
    #[serde(default, deserialize_with = "some")]
    value: Option<Tree>,
}

fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Tree>, D::Error> {
    Tree::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Malformed {
    #[serde(flatten)]
    settings: Settings,
    hex: String,
    code: String,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    hex: String,
    code: String,
}

#[derive(Deserialize)]
struct Exchange {
    #[serde(flatten)]
    settings: Settings,
    send: Vec<String>,
    expect: Vec<String>,
    then: String,
}

fn file() -> File {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/asyncaproto-v3.json");
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

impl Settings {
    fn framing(&self) -> Framing {
        let size = self.header_size.try_into().unwrap();
        Framing::new(size, self.byteorder.parse().unwrap(), self.max_packet_size.unwrap_or(1 << 20))
    }
}

fn flag(name: &str) -> Flags {
    match name {
        "END" => Flags::END,
        "HEAD" => Flags::HEAD,
        "NAME" => Flags::NAME,
        "DEADLINE" => Flags::DEADLINE,
        "EMPTY" => Flags::EMPTY,
        "COMPRESSED" => Flags::COMPRESSED,
        "SEALED" => Flags::SEALED,
        "ACK" => Flags::ACK,
        other => panic!("{other}"),
    }
}

#[test]
fn frames_say_what_the_vectors_say() {
    for vector in file().frames {
        let id = &vector.settings.id;
        let bytes = bytes(&vector.hex);
        let framing = vector.settings.framing();
        let frame = framing.decode_v3(&bytes).unwrap_or_else(|error| panic!("{id}: {error}")).unwrap();
        assert_eq!(frame.end, bytes.len(), "{id}");
        assert_eq!(frame.kind.name(), vector.kind, "{id}");
        let flags = vector.flags.iter().fold(Flags::NONE, |all, name| all | flag(name));
        assert_eq!((frame.flags, frame.stream), (flags, vector.stream), "{id}");
        assert_eq!(frame.encoding.map_or("raw", Encoding::name), vector.encoding, "{id}");
        let fields = match frame.kind {
            FrameKind::Open => Fields::Open {
                target: vector.target.unwrap(),
                name: match (&frame.fields, &vector.name) {
                    (Fields::Open { name: Some(place), .. }, Some(name)) => {
                        assert_eq!(&bytes[place.clone()], name.as_bytes(), "{id}");
                        Some(place.clone())
                    }
                    _ => None,
                },
                deadline: vector.deadline,
            },
            FrameKind::Credit => {
                Fields::Credit { items: vector.items.unwrap(), bytes: vector.bytes.unwrap() }
            }
            FrameKind::Ping => Fields::Ping(self::bytes(&vector.data.unwrap()).try_into().unwrap()),
            _ => Fields::None,
        };
        assert_eq!(frame.fields, fields, "{id}");
        let head: Metadata = vector
            .head
            .into_iter()
            .map(|(key, value)| match value {
                Tree::String(text) => (key, MetadataValue::from(text)),
                hex => (key, self::bytes(hex["hex"].as_str().unwrap()).into()),
            })
            .collect();
        assert_eq!(Metadata::read(&bytes[frame.head], Metadata::SIZE), Ok(head), "{id}");
        let payload = &bytes[frame.payload];
        assert_eq!(payload, self::bytes(&vector.payload), "{id}");
        if let (Some(value), Some(encoding)) = (vector.value, frame.encoding) {
            assert_eq!(decode_value(payload, encoding), Ok(value), "{id}");
        }
    }
}

#[test]
fn what_is_malformed_is_told_at_its_last_byte() {
    for vector in file().malformed {
        let id = &vector.settings.id;
        let bytes = bytes(&vector.hex);
        let framing = vector.settings.framing();
        let error = framing.decode_v3(&bytes).expect_err(id);
        assert_eq!(error.code().as_str(), vector.code, "{id}: {error}");
        for end in 0..bytes.len() {
            assert!(matches!(framing.decode_v3(&bytes[..end]), Ok(Err(_))), "{id}: {end}");
        }
    }
}

#[test]
fn heads_that_are_none_have_their_codes() {
    for vector in file().heads {
        let error = Metadata::read(&bytes(&vector.hex), Metadata::SIZE).unwrap_err();
        assert_eq!(error.code().as_str(), vector.code, "{}: {error}", vector.id);
    }
}

/// What is expected is always frames; what is sent may be wrong at its end alone.
#[test]
fn exchanges_are_made_of_frames() {
    let exchanges = file().exchanges;
    for vector in &exchanges {
        let id = &vector.settings.id;
        let framing = vector.settings.framing();
        for (position, hex) in vector.send.iter().enumerate() {
            let told = framing.decode_v3(&bytes(hex));
            let closes = vector.then == "closed" && position == vector.send.len() - 1;
            assert!(closes || matches!(told, Ok(Ok(_))), "{id}: {told:?}");
        }
        for hex in &vector.expect {
            let bytes = bytes(hex);
            let frame = framing.decode_v3(&bytes).unwrap().unwrap();
            assert_eq!(frame.end, bytes.len(), "{id}");
            if frame.kind == FrameKind::GoAway {
                let goaway = GoAway::read(&bytes[frame.payload], frame.encoding.unwrap()).unwrap();
                assert!(goaway.error.is_some() && vector.then == "closed", "{id}");
            }
        }
    }
    let mut ids: Vec<_> = exchanges.iter().map(|vector| &vector.settings.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), exchanges.len(), "each id once");
}

#[test]
fn the_writers_write_the_vectors() {
    let framing = Framing::default();
    let file = file();
    let vector = |id: &str| {
        bytes(
            &file.frames.iter().find(|vector| vector.settings.id == id).unwrap_or_else(|| panic!("{id}")).hex,
        )
    };
    let value = |value: Tree| move |out: &mut BytesMut| encode(&value, Encoding::Json, out);
    let (json, name) = (Some(Encoding::Json), Some("math.add"));
    let open =
        OpenHeader { stream: 1, encoding: json, flags: Flags::END, target: 7, ..OpenHeader::default() };
    let item = ItemHeader { stream: 1, encoding: json, ..ItemHeader::default() };
    let arguments = serde_json::json!({"a": 20, "b": 22});
    let mut out = BytesMut::new();
    let mut expected = Vec::new();
    framing.encode_open(&mut out, &open, value(arguments.clone())).unwrap();
    expected.extend(vector("open-number"));
    framing.encode_open(&mut out, &OpenHeader { name, ..open }, value(arguments)).unwrap();
    expected.extend(vector("open-name"));
    framing.encode_item(&mut out, &item, value(Tree::Null)).unwrap();
    expected.extend(vector("item-null"));
    framing.encode_item(&mut out, &ItemHeader { flags: Flags::END, ..item }, value(42.into())).unwrap();
    expected.extend(vector("item-result"));
    framing.encode_cancel(&mut out, u32::MAX);
    expected.extend(vector("cancel"));
    framing.encode_credit(&mut out, 1, 32, 32_768);
    expected.extend(vector("credit-stream"));
    framing.encode_ping(&mut out, [1, 2, 3, 4, 5, 6, 7, 8], true);
    expected.extend(vector("ping-ack"));
    framing.encode_goaway(&mut out, Encoding::Json, &GoAway { last: 7, ..GoAway::default() }).unwrap();
    expected.extend(vector("goaway-drain"));
    assert_eq!(out, expected);
}
