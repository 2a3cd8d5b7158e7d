use super::{EncodeError, Encoding};
use bytes::BytesMut;

/// Appends `payload`, which an [`Index`](super::Index) has checked, to `out` in another encoding.
pub fn transcode(
    payload: &[u8],
    from: Encoding,
    to: Encoding,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let _ = (payload, from, to, out);
    todo!()
}
