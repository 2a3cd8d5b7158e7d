use super::Encoding;
use bytes::BytesMut;

/// Why a value cannot be written (or, for serde's sake, read).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(pub(crate) std::borrow::Cow<'static, str>);

impl std::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for EncodeError {}

/// Appends `value` to `out`.
pub fn encode<T: serde::Serialize + ?Sized>(
    value: &T,
    encoding: Encoding,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let _ = (value, encoding, out);
    todo!()
}
