use std::borrow::Cow;
use std::fmt;

use crate::error::Error;

/// Why a value cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The encoding has no form for it: NaN in JSON, an integer beyond 64 bits in ZiProto, a map's key that is a list.
    Value(Cow<'static, str>),
    /// The frame would be longer than its header can say or than the limit allows.
    TooLarge {
        /// The Content-Length, in bytes.
        length: u64,
        /// The greatest Content-Length possible.
        limit: u64,
    },
}

impl EncodeError {
    /// A value that has no form, and why.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        EncodeError::Value(why.into())
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::Value(why) => f.write_str(why),
            EncodeError::TooLarge { length, limit } => {
                write!(f, "a packet of {length} bytes is longer than the {limit} that are allowed")
            }
        }
    }
}

impl std::error::Error for EncodeError {}

impl serde::ser::Error for EncodeError {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::new(why.to_string())
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Value(why) => Error::Payload(why.into_owned()),
            EncodeError::TooLarge { length, limit } => Error::TooLarge { length, limit },
        }
    }
}

/// Why a value does not fit the type asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Cow<'static, str>);

impl DecodeError {
    /// An error that says why.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::new(why.to_string())
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Error::Payload(error.0.into_owned())
    }
}
