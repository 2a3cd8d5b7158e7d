//! TLS on both sides, and who the peer is.

mod client;
pub(super) mod der;
mod failure;
mod identity;
mod pem;
mod pin;
mod server;
#[cfg(test)]
#[cfg(feature = "cert")]
mod tests;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{Error, InconsistentKeys};

pub use client::{TlsClient, TlsClientBuilder};
pub use der::Name;
pub use failure::TlsError;
pub use identity::Identity;
pub use pem::Pem;
pub use server::{TlsServer, TlsServerBuilder};
pub use tokio_rustls::client::TlsStream as ClientStream;
pub use tokio_rustls::server::TlsStream as ServerStream;

/// ring, named: the process's default may be another, or none.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Why rustls refuses a certificate and its key, in words that name the files.
fn own_key(error: Error, certificate: &Pem, key: &Pem) -> TlsError {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::KeyMismatch { certificate: certificate.to_string(), key: key.to_string() }
        }
        // What is left concerns the key: rustls cannot use it.
        error => TlsError::Malformed { source: key.to_string(), why: error.to_string() },
    }
}
