//! What holds for the layer as a whole.

mod corpus;
mod frames_v3;
mod limits;
mod payloads;
mod properties;
mod properties_v3;
mod serde_types;
mod values;
mod vectors_v3;

use bytes::BytesMut;

use super::*;

pub(super) const ENCODINGS: [Encoding; 2] = [Encoding::Json, Encoding::ZiProto];

/// Indexes a payload with the default limits.
pub(super) fn index(payload: &[u8], encoding: Encoding) -> Result<Index, PayloadError> {
    let mut index = Index::default();
    index.build(payload, encoding, &PayloadLimits::default()).map(|()| index)
}

pub(super) fn encoded(value: &(impl serde::Serialize + ?Sized), encoding: Encoding) -> BytesMut {
    let mut out = BytesMut::new();
    encode(value, encoding, &mut out).unwrap();
    out
}

pub(super) fn transcoded(payload: &[u8], from: Encoding, to: Encoding) -> BytesMut {
    let mut out = BytesMut::new();
    transcode(payload, from, to, &mut out).unwrap();
    out
}
