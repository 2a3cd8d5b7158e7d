use serde::de::DeserializeOwned;

use super::{DecodeError, Encoding, Index, PayloadError, PayloadLimits, value};

/// Checks a payload that is any single value, as an item of a stream is (protocol V3).
///
/// It is [`Index::check_value`] with an index of its own.
///
/// # Errors
/// The payload is no single value in `encoding`, or exceeds `limits`.
pub fn check_value(payload: &[u8], encoding: Encoding, limits: &PayloadLimits) -> Result<(), PayloadError> {
    Index::default().check_value(payload, encoding, limits)
}

/// Decodes a payload that is any single value with serde, whatever its bytes.
///
/// Nesting has its limit here, but what a value may hold has not: payloads from elsewhere belong first before
/// [`check_value`].
///
/// ```
/// use asyncapy::wire::{Encoding, decode_value};
/// assert_eq!(decode_value(b"[1, 2]", Encoding::Json), Ok(vec![1, 2]));
/// assert_eq!(decode_value(b"\xa2hi", Encoding::ZiProto), Ok(String::from("hi")));
/// assert!(decode_value::<u8>(b"1 2", Encoding::Json).is_err());
/// ```
///
/// # Errors
/// The payload is no single value, or does not fit `T`.
pub fn decode_value<T: DeserializeOwned>(payload: &[u8], encoding: Encoding) -> Result<T, DecodeError> {
    value::deserialize(payload, encoding)
}
