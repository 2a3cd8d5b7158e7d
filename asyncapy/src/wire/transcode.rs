use bytes::BytesMut;
use super::{Encoding, EncodeError};

/// Appends `payload`, which an [`Index`](super::Index) has checked, to `out` in another encoding.
pub fn transcode(payload: &[u8], from: Encoding, to: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
    let _ = (payload, from, to, out);
    todo!()
}
