use std::fmt;

use super::frame::VERSION;
use super::{Flags, FrameKind};
use crate::error::{Code, Error};

/// Why the input is no frame of protocol V3. Nothing after it can be made sense of: the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// Content-Length < 8.
    TooShort,
    /// Content-Length above the limit.
    TooLarge {
        /// The announced length in bytes.
        length: u64,
    },
    /// The version byte is not 23.
    Version(u8),
    /// The encoding byte is neither 0 nor 1 nor 2, or raw where the payload is a map.
    Encoding(u8),
    /// The Kind byte is none.
    Kind(u8),
    /// A flag that the kind does not have, or flags that exclude one another.
    Flags(FrameKind, Flags),
    /// Content-Length is not what the kind and its flags need.
    Length(FrameKind),
    /// A stream's number where there is none, or none where one is needed.
    Stream(FrameKind, u32),
    /// A target's name is empty, longer than the frame or not UTF-8.
    Name,
    /// A head is empty or longer than the frame.
    Head,
    /// A connection's credit of items, which it does not count.
    Credit,
}

impl FrameError {
    /// The code that the other side reads in GOAWAY.
    pub fn code(&self) -> Code {
        match self {
            FrameError::TooShort | FrameError::Length(_) | FrameError::Name | FrameError::Head => {
                Code::RequestMalformed
            }
            FrameError::TooLarge { .. } => Code::PacketTooLarge,
            FrameError::Version(_)
            | FrameError::Encoding(_)
            | FrameError::Kind(_)
            | FrameError::Flags(..) => Code::HeaderInvalid,
            FrameError::Stream(..) | FrameError::Credit => Code::ProtocolViolation,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooShort => f.write_str("the length is below 8 bytes"),
            FrameError::TooLarge { length } => write!(f, "a length of {length} bytes is above the limit"),
            FrameError::Version(byte) => write!(f, "the version is {byte}, not {VERSION}"),
            FrameError::Encoding(byte) => write!(f, "the encoding is {byte}, which is none for this frame"),
            FrameError::Kind(byte) => write!(f, "the kind is {byte}, not 1 to 8"),
            FrameError::Flags(kind, flags) => write!(f, "{kind} with the flags {:#04x}", flags.0),
            FrameError::Length(kind) => write!(f, "the length of {kind} is wrong"),
            FrameError::Stream(kind, stream) => write!(f, "{kind} on stream {stream}"),
            FrameError::Name => f.write_str("a target's name is empty, too long or not UTF-8"),
            FrameError::Head => f.write_str("a head is empty or too long"),
            FrameError::Credit => f.write_str("a connection has no credit of items"),
        }
    }
}

impl std::error::Error for FrameError {}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Error::Protocol(error.to_string())
    }
}
