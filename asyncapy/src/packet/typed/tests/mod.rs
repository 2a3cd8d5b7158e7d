//! Derived packets, read and written in both encodings.

mod agreement;
mod by_serde;
mod failures;
mod reading;
#[cfg(feature = "spec")]
mod schemas;
mod writing;

use bytes::BytesMut;
use serde::Serialize;

use super::{EncodePacket, TypedPacket};
use crate::error::Rejection;
use crate::wire::{Encoding, Index, PayloadLimits, View};

const BOTH: [Encoding; 2] = [Encoding::Json, Encoding::ZiProto];

/// Reads a payload as a packet.
fn decode<T: TypedPacket>(encoding: Encoding, payload: &[u8]) -> Result<T, Rejection> {
    let mut index = Index::default();
    index.build(payload, encoding, &PayloadLimits::default()).unwrap();
    T::decode_packet(View::new(payload, encoding, &index))
}

/// Reads a packet written in JSON.
fn json<T: TypedPacket>(text: &str) -> Result<T, Rejection> {
    decode(Encoding::Json, text.as_bytes())
}

/// Reads a packet in both encodings, which must come to the same.
fn read<T: TypedPacket + PartialEq + std::fmt::Debug>(value: &serde_json::Value) -> Result<T, Rejection> {
    let json = decode::<T>(Encoding::Json, &payload(Encoding::Json, value));
    let ziproto = decode::<T>(Encoding::ZiProto, &payload(Encoding::ZiProto, value));
    assert_eq!(json, ziproto);
    json
}

/// What serde's own crates write.
fn payload(encoding: Encoding, value: &impl Serialize) -> Vec<u8> {
    match encoding {
        Encoding::Json => serde_json::to_vec(value).unwrap(),
        Encoding::ZiProto => rmp_serde::to_vec_named(value).unwrap(),
    }
}

/// Writes a packet behind some bytes that are there already.
fn write(encoding: Encoding, packet: &impl EncodePacket) -> Vec<u8> {
    let mut out = BytesMut::from(&b"before"[..]);
    packet.encode_packet(encoding, &mut out).unwrap();
    assert_eq!(&out[..6], b"before");
    out[6..].to_vec()
}

/// Code and field of a rejection, as text.
fn blame<T: std::fmt::Debug>(result: Result<T, Rejection>) -> String {
    result.unwrap_err().to_string()
}
