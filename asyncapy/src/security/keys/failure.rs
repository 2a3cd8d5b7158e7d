use std::borrow::Cow;
use std::fmt;

use super::StoreError;
use crate::error::{Code, Error, Failure};

/// Why a call of [`ApiKeys`](super::ApiKeys) failed.
///
/// A handler may return it: an unknown key reaches the client as `ERR_UNAUTHORIZED`, all else as
/// `ERR_HANDLER_FAILED`, with the cause in the log only.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// No such key, or no longer: AsyncAPY's `KeyError`. It does not repeat the key, which may be a secret.
    Unknown,
    /// The metadata is no map of JSON values: what it is instead.
    Metadata(String),
    /// The operating system gave no random bytes, and says why.
    Random(String),
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Unknown => f.write_str("no such API key"),
            KeyError::Metadata(why) => write!(f, "the metadata of an API key: {why}"),
            KeyError::Random(why) => write!(f, "the operating system gave no random bytes: {why}"),
            KeyError::Store(error) => write!(f, "the store of API keys: {error}"),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            KeyError::Store(error) => error.source(),
            _ => None,
        }
    }
}

impl From<StoreError> for KeyError {
    fn from(error: StoreError) -> Self {
        KeyError::Store(error)
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Error::Security(error.to_string())
    }
}

impl Failure for KeyError {
    fn code(&self) -> Code {
        match self {
            KeyError::Unknown => Code::Unauthorized,
            _ => Code::HandlerFailed,
        }
    }

    fn message(&self) -> Option<Cow<'_, str>> {
        matches!(self, KeyError::Unknown).then_some(Cow::Borrowed("no such API key"))
    }

    fn cause(&self) -> Option<String> {
        Some(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_hears_that_the_key_is_unknown_and_no_more() {
        assert_eq!(KeyError::Unknown.code(), Code::Unauthorized);
        let broken = KeyError::Store("/var/keys: disk full".into());
        assert_eq!((broken.code(), broken.message()), (Code::HandlerFailed, None));
        assert_eq!(broken.cause().unwrap(), "the store of API keys: /var/keys: disk full");
        assert_eq!(Error::from(KeyError::Unknown).to_string(), "security: no such API key");
    }
}
