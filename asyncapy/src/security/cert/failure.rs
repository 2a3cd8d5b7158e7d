use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::error::Error;

/// Why a certificate could not be made, read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum CertError {
    /// A name cannot stand in a certificate, or cannot name a file.
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The file exists and is not overwritten.
    Exists(PathBuf),
    /// The file does not hold what it should.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Making the certificate failed.
    Failed(String),
}

impl fmt::Display for CertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertError::Name { name, why } => write!(f, "the name {name:?} {why}"),
            CertError::File { path, error } => write!(f, "{}: {error}", path.display()),
            CertError::Exists(path) => write!(f, "{}: exists, and is not overwritten", path.display()),
            CertError::Malformed { path, why } => write!(f, "{}: {why}", path.display()),
            CertError::Failed(why) => write!(f, "the certificate could not be made: {why}"),
        }
    }
}

impl std::error::Error for CertError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CertError::File { error, .. } => error.source(),
            _ => None,
        }
    }
}

impl From<rcgen::Error> for CertError {
    fn from(error: rcgen::Error) -> Self {
        CertError::Failed(error.to_string())
    }
}

impl From<CertError> for Error {
    fn from(error: CertError) -> Self {
        Error::Security(error.to_string())
    }
}
