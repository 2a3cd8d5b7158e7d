//! The derived reader and writer against serde's own.

use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BOTH, decode, payload, write};
use crate::packet::TypedPacket;
use crate::wire::Encoding;

#[derive(crate::Packet, Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Strict {
    id: u8,
    name: String,
    #[serde(alias = "kind")]
    list: Option<Vec<i16>>,
}

#[derive(crate::Packet, Serialize, Deserialize, Clone, Default, Debug, PartialEq)]
#[serde(default, rename_all = "SCREAMING_SNAKE_CASE")]
struct Lenient {
    a: u8,
    b: i8,
    c: u16,
    d: i16,
    e: u32,
    f: i32,
    g: u64,
    h: i64,
    i: f32,
    j: f64,
    k: bool,
    l: char,
    m: String,
    n: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    o_list: Vec<Option<u32>>,
    #[serde(alias = "a2")]
    p: (u8, bool),
    #[serde(skip_deserializing)]
    q: u8,
}

#[derive(crate::Packet, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Closed {
    #[serde(default)]
    a: Option<Option<u8>>,
    #[serde(rename = "")]
    empty: Option<f64>,
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1000..1000_i64).prop_map(Value::from),
        any::<f32>().prop_filter_map("JSON has no NaN", |n| n.is_finite().then(|| Value::from(f64::from(n)))),
        (-1e30..1e30).prop_map(Value::from),
        any::<char>().prop_map(|letter| Value::from(letter.to_string())),
        ".{0,12}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => scalar(),
        1 => vec(scalar(), 0..4).prop_map(Value::from),
        1 => vec(any::<i16>(), 0..4).prop_map(Value::from),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(n, flag)| Value::from(vec![Value::from(n), flag.into()])),
        1 => vec((".{0,3}", scalar()), 0..3).prop_map(|pairs| pairs.into_iter().collect()),
    ]
}

/// Fields in any order, their names mostly those of the type.
fn pairs(names: &'static [&'static str]) -> impl Strategy<Value = Vec<(String, Value)>> {
    let name = prop_oneof![12 => proptest::sample::select(names).prop_map(str::to_owned), 1 => ".{0,4}"];
    vec((name, value()), 0..5)
}

/// A map in which a name may stand twice.
fn map(encoding: Encoding, pairs: &[(String, Value)]) -> Vec<u8> {
    match encoding {
        Encoding::Json => {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(name, value)| format!("{}: {value}", Value::from(name.as_str())))
                .collect();
            format!("{{{}}}", pairs.join(", ")).into_bytes()
        }
        Encoding::ZiProto => {
            let mut bytes = vec![0x80 | u8::try_from(pairs.len()).unwrap()];
            for (name, value) in pairs {
                bytes.extend(payload(encoding, name));
                bytes.extend(payload(encoding, value));
            }
            bytes
        }
    }
}

/// Both take it and come to the same, or both refuse it.
fn agree<T>(pairs: &[(String, Value)]) -> Result<(), TestCaseError>
where
    T: TypedPacket + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug,
{
    for encoding in BOTH {
        let bytes = map(encoding, pairs);
        let serde: Option<T> = match encoding {
            Encoding::Json => serde_json::from_slice(&bytes).ok(),
            Encoding::ZiProto => rmp_serde::from_slice(&bytes).ok(),
        };
        let ours = decode::<T>(encoding, &bytes);
        prop_assert_eq!(ours.as_ref().ok(), serde.as_ref(), "{:?}: {:?}", encoding, ours);
    }
    Ok(())
}

fn lenient() -> impl Strategy<Value = Lenient> {
    let whole = any::<(u8, i8, u16, i16, u32, i32, u64, i64)>();
    let rest = (any::<f32>(), any::<f64>(), any::<bool>(), any::<char>(), ".*", any::<Option<String>>());
    let finite = (-1e9f32..1e9, -1e300..1e300);
    let lists = (vec(any::<Option<u32>>(), 0..40), any::<(u8, bool)>(), any::<u8>());
    (whole, rest, finite, lists).prop_map(
        |((a, b, c, d, e, f, g, h), (i, j, k, l, m, n), finite, (o_list, p, q))| {
            let i = if i.is_finite() { i } else { finite.0 };
            let j = if j.is_finite() { j } else { finite.1 };
            Lenient { a, b, c, d, e, f, g, h, i, j, k, l, m, n, o_list, p, q }
        },
    )
}

const LENIENT: &[&str] =
    &["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O_LIST", "P", "a2", "Q"];

proptest! {
    #[test]
    fn strict_packets_are_read_as_serde_reads_them(pairs in pairs(&["id", "name", "list", "kind"])) {
        agree::<Strict>(&pairs)?;
    }

    #[test]
    fn lenient_packets_are_read_as_serde_reads_them(pairs in pairs(LENIENT)) {
        agree::<Lenient>(&pairs)?;
    }

    #[test]
    fn closed_packets_are_read_as_serde_reads_them(pairs in pairs(&["a", ""])) {
        agree::<Closed>(&pairs)?;
    }

    #[test]
    fn one_right_field_of_each_type_is_read(lenient in lenient()) {
        let value = serde_json::to_value(&lenient).unwrap();
        let pairs: Vec<_> = value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        for chunk in pairs.chunks(6) {
            agree::<Lenient>(chunk)?;
        }
    }

    #[test]
    fn packets_are_written_as_serde_writes_them(lenient in lenient()) {
        for encoding in BOTH {
            let written = write(encoding, &lenient);
            prop_assert_eq!(&written, &payload(encoding, &lenient));
            let read = decode::<Lenient>(encoding, &written);
            prop_assert_eq!(read, Ok(Lenient { q: 0, ..lenient.clone() }));
        }
    }
}
