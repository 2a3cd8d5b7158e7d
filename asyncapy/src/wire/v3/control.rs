use std::fmt;

use serde::de::DeserializeOwned;

use crate::error::{Code, Error};
use crate::wire::{DecodeError, Encoding, Index, PayloadError, PayloadLimits, View};

/// What the payload of HELLO or GOAWAY may hold: both are small.
const LIMITS: PayloadLimits = PayloadLimits { depth: 8, nodes: 1024 };

/// Why the payload of HELLO or GOAWAY is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// It is no map in its encoding, or holds more than such a frame needs.
    Payload(PayloadError),
    /// A key's value is of the wrong type.
    Value(DecodeError),
}

impl ControlError {
    /// The code that the other side reads in GOAWAY.
    pub fn code(&self) -> Code {
        match self {
            ControlError::Payload(error) => error.code(),
            ControlError::Value(_) => Code::FieldInvalid,
        }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ControlError::Payload(error) => error.fmt(f),
            ControlError::Value(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ControlError {}

impl From<ControlError> for Error {
    fn from(error: ControlError) -> Self {
        Error::Protocol(error.to_string())
    }
}

/// Reads a map all of whose keys are optional. No payload at all is an empty map.
pub(super) fn read<T: DeserializeOwned + Default>(
    payload: &[u8],
    encoding: Encoding,
) -> Result<T, ControlError> {
    if payload.is_empty() {
        return Ok(T::default());
    }
    let mut index = Index::default();
    index.build(payload, encoding, &LIMITS).map_err(ControlError::Payload)?;
    View::new(payload, encoding, &index).deserialize().map_err(ControlError::Value)
}
