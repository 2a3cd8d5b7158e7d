//! Layer `security`.

mod hex;
mod keys;
#[cfg(all(test, any(feature = "redb", feature = "cert")))]
mod scratch;

#[cfg(feature = "redb")]
pub use keys::RedbStore;
pub use keys::{ApiKey, ApiKeys, KeyDigest, KeyError, KeyStore, MemoryStore, Record, StoreError, StoredKey};
