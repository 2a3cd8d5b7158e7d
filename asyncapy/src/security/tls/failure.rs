use std::fmt;
use std::io;

use crate::error::Error;

/// Why TLS could not be set up, or a handshake failed.
///
/// `source` says where the certificate or key came from: a path, or that it was given as text.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable {
        /// The file.
        source: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// It is no PEM, or what it holds is no certificate or key.
    Malformed {
        /// Where it came from.
        source: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is PEM, but does not hold what is needed.
    Missing {
        /// Where it came from.
        source: String,
        /// What is needed: a certificate, a private key.
        what: String,
    },
    /// The private key is not the certificate's.
    KeyMismatch {
        /// Where the certificate came from.
        certificate: String,
        /// Where the key came from.
        key: String,
    },
    /// The certificate is not valid now.
    Expired {
        /// Where it came from.
        source: String,
        /// Since when, or until when, in words.
        why: String,
    },
    /// rustls refuses the configuration.
    Config(rustls::Error),
    /// The name of the server to connect to is neither a host name nor an address.
    Name(String),
    /// The handshake failed: the peer's certificate, its TLS version, what it sent.
    Handshake(rustls::Error),
    /// The connection failed during the handshake.
    Io(io::Error),
}

impl TlsError {
    /// An error of a handshake as tokio-rustls reports it.
    pub(super) fn of_handshake(error: io::Error) -> Self {
        match error.downcast::<rustls::Error>() {
            Ok(error) => TlsError::Handshake(error),
            Err(error) => TlsError::Io(error),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Unreadable { source, error } => write!(f, "{source}: {error}"),
            TlsError::Malformed { source, why } => write!(f, "{source}: {why}"),
            TlsError::Missing { source, what } => write!(f, "{source}: holds no {what}"),
            TlsError::KeyMismatch { certificate, key } => {
                write!(f, "{key}: is not the private key of the certificate in {certificate}")
            }
            TlsError::Expired { source, why } => write!(f, "{source}: the certificate {why}"),
            TlsError::Config(error) => write!(f, "TLS configuration: {error}"),
            TlsError::Name(name) => write!(f, "{name:?} is neither a host name nor an address"),
            TlsError::Handshake(error) => write!(f, "TLS handshake: {error}"),
            TlsError::Io(error) => write!(f, "during the TLS handshake: {error}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TlsError::Unreadable { error, .. } | TlsError::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Io(error) => Error::Io(error),
            error => Error::Security(error.to_string()),
        }
    }
}
