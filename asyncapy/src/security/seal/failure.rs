use std::fmt;
use std::io;
use std::path::PathBuf;

use super::SEAL_LIMIT;
use crate::error::{Code, Error};

/// Why a connection cannot go on sealed. The connection ends; the peer reads [`code`](Self::code).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// The peer sent plainly what it must seal.
    Required,
    /// The peer names a key that is not, or no longer, taken.
    UnknownKey {
        /// The id as the peer gave it.
        id: String,
    },
    /// The peer's salt is not 64 lowercase hexadecimal digits.
    Salt,
    /// A payload does not open: another key, or a frame that was changed, repeated, left out or moved. Which of these it
    /// is cannot be told, and would help only whoever did it.
    Invalid,
    /// The key was taken back while the connection used it ([`SealKeys::retire_now`](super::SealKeys::retire_now)).
    Retired,
    /// [`SEAL_LIMIT`] frames have gone in this direction.
    Exhausted,
    /// The operating system gave no random bytes, and says why.
    Random(String),
}

impl SealError {
    /// The code that the peer reads.
    pub fn code(&self) -> Code {
        match self {
            SealError::Required => Code::SealRequired,
            SealError::Random(_) => Code::Unavailable,
            _ => Code::SealInvalid,
        }
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::Required => f.write_str("payloads must be sealed here"),
            SealError::UnknownKey { id } => write!(f, "no key to seal with has the id {id:?}"),
            SealError::Salt => f.write_str("the salt is not 64 lowercase hexadecimal digits"),
            SealError::Invalid => f.write_str("a payload does not open"),
            SealError::Retired => f.write_str("the key was taken back"),
            SealError::Exhausted => write!(f, "{SEAL_LIMIT} frames were sealed; connect again"),
            SealError::Random(why) => write!(f, "the operating system gave no random bytes: {why}"),
        }
    }
}

impl std::error::Error for SealError {}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Error::Security(error.to_string())
    }
}

/// Why a key to seal with cannot be taken. No variant repeats a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum SealKeyError {
    /// The id is empty, longer than 32 bytes, or holds something other than letters, digits, `.`, `_` and `-`.
    /// Of a long one only the beginning is told: it may be a secret.
    Id(String),
    /// The secret is not 64 lowercase hexadecimal digits.
    Secret {
        /// Whose it is.
        id: String,
    },
    /// Another key has the id.
    Duplicate {
        /// The id.
        id: String,
    },
    /// A line of a text is no `id secret`, or one of the above.
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A text without a key: a server that takes none would refuse everybody.
    Empty,
    /// A file: which, and what is wrong with it.
    File {
        /// The path as given.
        path: PathBuf,
        /// One of the above.
        error: Box<SealKeyError>,
    },
    /// A file that cannot be read.
    Unreadable(io::Error),
    /// The operating system gave no random bytes, and says why.
    Random(String),
}

impl fmt::Display for SealKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealKeyError::Id(id) => write!(
                f,
                "{id:?} is no id of a key: 1 to 32 letters, digits, `.`, `_` and `-` of ASCII are needed"
            ),
            SealKeyError::Secret { id } => {
                write!(f, "the secret of the key {id:?} is not 64 lowercase hexadecimal digits")
            }
            SealKeyError::Duplicate { id } => write!(f, "two keys have the id {id:?}"),
            SealKeyError::Line { line, why } => write!(f, "line {line}: {why}"),
            SealKeyError::Empty => f.write_str("no key at all; a line `id secret` for each is needed"),
            SealKeyError::File { path, error } => write!(f, "{}: {error}", path.display()),
            SealKeyError::Unreadable(error) => error.fmt(f),
            SealKeyError::Random(why) => write!(f, "the operating system gave no random bytes: {why}"),
        }
    }
}

impl std::error::Error for SealKeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SealKeyError::File { error, .. } => error.source(),
            SealKeyError::Unreadable(error) => error.source(),
            _ => None,
        }
    }
}

impl From<SealKeyError> for Error {
    fn from(error: SealKeyError) -> Self {
        Error::Security(error.to_string())
    }
}
