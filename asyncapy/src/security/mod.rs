//! Layer `security`.

#[cfg(feature = "cert")]
mod cert;
mod hex;
mod keys;
#[cfg(all(test, any(feature = "redb", feature = "cert")))]
mod scratch;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "cert")]
pub use cert::{Authority, CertError, Issued, Validity};
#[cfg(feature = "redb")]
pub use keys::RedbStore;
pub use keys::{ApiKey, ApiKeys, KeyDigest, KeyError, KeyStore, MemoryStore, Record, StoreError, StoredKey};
#[cfg(feature = "tls")]
pub use tls::{
    ClientStream, Identity, Name, Pem, ServerStream, TlsClient, TlsClientBuilder, TlsError, TlsServer,
    TlsServerBuilder,
};
