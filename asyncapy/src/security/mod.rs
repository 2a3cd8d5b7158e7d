//! Layer `security`: who may come in, and who it is.
//!
//! - [`ApiKeys`]: keys issued to clients, kept as keyed hashes in a [`KeyStore`]: in memory, on disk (feature `redb`), or
//!   one of your own.
//! - `TlsServer`, `TlsClient` (feature `tls`): TLS 1.3 by rustls, mutual where wanted; the server's certificate changes
//!   while it runs. `Identity` is who a client's certificate says it is.
//! - `RateLimit` (feature `rate-limit`): how often an address, a key, a function may be used.
//! - `SealKeys`, `SealKey` (feature `sealed`): payloads sealed under a shared key, for where there is no TLS.
//! - `Authority` (feature `cert`): a certificate authority of one's own, for development.
//!
//! What proves an identity is a certificate or a key, never an address or a field of a message (LIMITS, protection 1).
//! Secrets are hidden from `Debug` throughout.
//!
//! Nothing here needs a runtime: keys are synchronous, and a handshake is a future over any stream, its deadline the
//! caller's.

#[cfg(feature = "cert")]
mod cert;
mod hex;
mod keys;
#[cfg(feature = "rate-limit")]
mod rate_limit;
#[cfg(test)]
#[cfg(any(feature = "redb", feature = "cert", feature = "sealed"))]
mod scratch;
#[cfg(feature = "sealed")]
mod seal;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "cert")]
pub use cert::{Authority, CertError, Issued, Validity};
#[cfg(feature = "redb")]
pub use keys::RedbStore;
pub use keys::{ApiKey, ApiKeys, KeyDigest, KeyError, KeyStore, MemoryStore, Record, StoreError, StoredKey};
#[cfg(feature = "rate-limit")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
pub use rate_limit::{Rate, RateLimit};
#[cfg(feature = "sealed")]
pub use seal::{
    Handshake, Opening, SEAL_LIMIT, SEAL_OVERHEAD, SealError, SealKey, SealKeyError, SealKeys, SealSalt,
    Sealer, Sealing,
};
#[cfg(feature = "tls")]
pub use tls::{
    ClientStream, Identity, Name, Pem, ServerStream, TlsClient, TlsClientBuilder, TlsError, TlsServer,
    TlsServerBuilder,
};
