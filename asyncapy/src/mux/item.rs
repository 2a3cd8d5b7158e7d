use bytes::Bytes;

use crate::wire::Encoding;

/// One item of a stream, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// None: raw bytes.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) payload: Bytes,
}
