//! API keys: issued, looked up, revoked, reissued (AsyncAPY's `APIKeyFactory`; LIMITS, protection 2).

#[cfg(feature = "redb")]
mod disk;
mod failure;
mod key;
mod memory;
mod record;
mod store;
#[cfg(test)]
mod suite;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::Sha256;

use super::hex;

#[cfg(feature = "redb")]
pub use disk::RedbStore;
pub use failure::KeyError;
pub use key::ApiKey;
pub use memory::MemoryStore;
pub use record::{KeyDigest, Record, StoredKey};
pub use store::{KeyStore, StoreError};

/// How often a change is tried again because another one came first. Each failure is another caller's success, so
/// only a store that compares revisions wrongly gets this far.
const ATTEMPTS: u32 = 1_000;

/// The API keys of a server: issues them, says whose one is, revokes and reissues them, in any [`KeyStore`].
///
/// It does what AsyncAPY's `APIKeyFactory` does, and more safely: a key holds 256 random bits from the operating
/// system; the store keeps only a hash under a secret of its own, compared in constant time, so that a stolen list
/// opens nothing; reissuing ends the old key in the same step that makes the new one.
///
/// Cheap to clone; all clones share the keys. The methods are synchronous: with keys in memory they return at once, on
/// disk `issue`, `revoke`, `reissue` and `update` wait for the disk, so call those from the runtime's blocking pool.
///
/// ```
/// use asyncapy::security::ApiKeys;
/// use serde_json::json;
///
/// # fn main() -> Result<(), asyncapy::security::KeyError> {
/// let keys = ApiKeys::in_memory();
/// let key = keys.issue(json!({"customer": "acme", "plan": "gold"}))?;
/// assert!(keys.contains(key.as_str())?);
///
/// let new = keys.reissue(key.as_str())?;
/// assert!(!keys.contains(key.as_str())?);
/// assert_eq!(keys.get(new.as_str())?.unwrap().metadata()["customer"], "acme");
///
/// keys.revoke(new.as_str())?;
/// assert!(keys.revoke(new.as_str()).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApiKeys(Arc<Inner>);

struct Inner {
    store: Box<dyn KeyStore>,
    // HMAC with the store's secret already taken in, cloned for each key. Filled at the first use, so that `in_memory`
    // cannot fail.
    hash: OnceLock<Hmac<Sha256>>,
}

impl ApiKeys {
    fn new(store: impl KeyStore, hash: OnceLock<Hmac<Sha256>>) -> Self {
        Self(Arc::new(Inner { store: Box::new(store), hash }))
    }

    /// Keys in memory, gone with the process.
    pub fn in_memory() -> Self {
        Self::new(MemoryStore::new(), OnceLock::new())
    }

    /// Keys on disk, in one file, which is made if it does not exist. See [`RedbStore`].
    ///
    /// # Errors
    /// [`KeyError::Store`], with the path in its text, if the file cannot be opened or holds something else.
    #[cfg(feature = "redb")]
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self, KeyError> {
        Self::with_store(RedbStore::open(path)?)
    }

    /// Keys in a store of your own, hashed under the secret that the store keeps.
    ///
    /// # Errors
    /// [`KeyError::Store`] if the store does not give its secret; [`KeyError::Random`] if none could be made.
    pub fn with_store(store: impl KeyStore) -> Result<Self, KeyError> {
        let keys = Self::new(store, OnceLock::new());
        keys.hash()?;
        Ok(keys)
    }

    /// Keys in a store, hashed under a secret that you keep elsewhere (32 random bytes, always the same), so that even
    /// whoever can write to the store cannot make a key.
    pub fn with_secret(store: impl KeyStore, secret: [u8; 32]) -> Self {
        Self::new(store, OnceLock::from(keyed(secret)))
    }

    /// Makes a new key and attaches the metadata: a map, a struct, or `()` for none. This is the only moment at which
    /// the key can be read.
    ///
    /// # Errors
    /// [`KeyError::Metadata`] if the metadata is no map; [`KeyError::Random`], [`KeyError::Store`].
    pub fn issue(&self, metadata: impl Serialize) -> Result<ApiKey, KeyError> {
        let metadata = map(metadata)?;
        for _ in 0..ATTEMPTS {
            let id = ApiKey::draw_id()?;
            let key = ApiKey::draw(&id)?;
            let digest = self.digest(key.as_str())?;
            let metadata = metadata.clone();
            let entry = StoredKey { id, revision: 0, digest, issued_at: now(), reissued_at: None, metadata };
            if self.0.store.insert(entry)? {
                return Ok(key);
            }
        }
        Err(contended())
    }

    /// What is known of a key; `None` if there is no such key.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub fn get(&self, key: &str) -> Result<Option<Record>, KeyError> {
        Ok(self.find(key)?.map(Record))
    }

    /// The metadata of a key as a type of yours; `None` if there is no such key.
    ///
    /// ```
    /// # use asyncapy::security::{ApiKeys, KeyError};
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Customer {
    ///     name: String,
    /// }
    /// # fn main() -> Result<(), KeyError> {
    /// let keys = ApiKeys::in_memory();
    /// let key = keys.issue(Customer { name: "acme".into() })?;
    /// assert_eq!(keys.get_as::<Customer>(key.as_str())?.unwrap().name, "acme");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`KeyError::Metadata`] if the metadata does not fit the type; [`KeyError::Store`].
    pub fn get_as<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, KeyError> {
        self.get(key)?.map(|record| record.metadata_as()).transpose()
    }

    /// Whether both are clones of one another.
    pub(crate) fn is_same(&self, other: &ApiKeys) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether there is such a key.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub fn contains(&self, key: &str) -> Result<bool, KeyError> {
        Ok(self.find(key)?.is_some())
    }

    /// Ends a key.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] if there is no such key; [`KeyError::Store`].
    pub fn revoke(&self, key: &str) -> Result<(), KeyError> {
        self.remove(|| self.find(key))
    }

    /// Puts a new key in the place of one, which ends in the same step. The identifier, the date of issue and the
    /// metadata stay. Of several callers who reissue the same key one succeeds.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] if there is no such key (any more); [`KeyError::Random`], [`KeyError::Store`].
    pub fn reissue(&self, key: &str) -> Result<ApiKey, KeyError> {
        self.renew(|| self.find(key))
    }

    /// Puts new metadata in the place of a key's.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] if there is no such key; [`KeyError::Metadata`] if the metadata is no map;
    /// [`KeyError::Store`].
    pub fn update(&self, key: &str, metadata: impl Serialize) -> Result<(), KeyError> {
        let metadata = map(metadata)?;
        self.change(
            || self.find(key),
            |kept| {
                let next = StoredKey { revision: next(kept), metadata: metadata.clone(), ..kept.clone() };
                Ok(self.0.store.replace(kept.revision, next)?.then_some(()))
            },
        )
    }

    /// Every key's record, the oldest first. The keys themselves cannot be read, only their identifiers.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub fn list(&self) -> Result<Vec<Record>, KeyError> {
        let mut records: Vec<Record> = self.0.store.list()?.into_iter().map(Record).collect();
        records.sort_by(|a, b| (a.0.issued_at, a.id()).cmp(&(b.0.issued_at, b.id())));
        Ok(records)
    }

    /// What is known of the key with the identifier; `None` if there is none.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub fn get_id(&self, id: &str) -> Result<Option<Record>, KeyError> {
        Ok(self.0.store.get(id)?.map(Record))
    }

    /// Ends the key with the identifier: for whoever administers the keys and does not have them.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] if there is none; [`KeyError::Store`].
    pub fn revoke_id(&self, id: &str) -> Result<(), KeyError> {
        self.remove(|| Ok(self.0.store.get(id)?))
    }

    /// Puts a new key in the place of the one with the identifier, as [`reissue`](Self::reissue) does.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] if there is none; [`KeyError::Random`], [`KeyError::Store`].
    pub fn reissue_id(&self, id: &str) -> Result<ApiKey, KeyError> {
        self.renew(|| Ok(self.0.store.get(id)?))
    }

    /// The entry of a key. The identifier in it is public and finds the entry; the hash decides, in constant time.
    fn find(&self, key: &str) -> Result<Option<Arc<StoredKey>>, KeyError> {
        let Some(id) = ApiKey::id_of(key) else { return Ok(None) };
        let digest = self.digest(key)?;
        Ok(self.0.store.get(id)?.filter(|kept| kept.digest == digest))
    }

    fn remove(&self, find: impl Fn() -> Result<Option<Arc<StoredKey>>, KeyError>) -> Result<(), KeyError> {
        self.change(find, |kept| Ok(self.0.store.remove(&kept.id, kept.revision)?.then_some(())))
    }

    fn renew(&self, find: impl Fn() -> Result<Option<Arc<StoredKey>>, KeyError>) -> Result<ApiKey, KeyError> {
        self.change(find, |kept| {
            let key = ApiKey::draw(&kept.id)?;
            let digest = self.digest(key.as_str())?;
            let next = StoredKey { revision: next(kept), digest, reissued_at: Some(now()), ..kept.clone() };
            Ok(self.0.store.replace(kept.revision, next)?.then_some(key))
        })
    }

    /// Changes an entry by comparing and replacing: if another change came first (`None`), looks again, which also
    /// notices that the key has ended meanwhile.
    fn change<T>(
        &self,
        find: impl Fn() -> Result<Option<Arc<StoredKey>>, KeyError>,
        step: impl Fn(&StoredKey) -> Result<Option<T>, KeyError>,
    ) -> Result<T, KeyError> {
        for _ in 0..ATTEMPTS {
            let kept = find()?.ok_or(KeyError::Unknown)?;
            if let Some(done) = step(&kept)? {
                return Ok(done);
            }
        }
        Err(contended())
    }

    fn digest(&self, key: &str) -> Result<KeyDigest, KeyError> {
        let mut hash = self.hash()?.clone();
        hash.update(key.as_bytes());
        Ok(KeyDigest(hash.finalize().into_bytes().into()))
    }

    fn hash(&self) -> Result<&Hmac<Sha256>, KeyError> {
        if let Some(hash) = self.0.hash.get() {
            return Ok(hash);
        }
        // Two threads may come here at once; the store gives both the same secret.
        let secret = self.0.store.secret(key::random()?)?;
        Ok(self.0.hash.get_or_init(|| keyed(secret)))
    }
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

fn keyed(secret: [u8; 32]) -> Hmac<Sha256> {
    // HMAC takes a key of one block (64 bytes); a shorter one is padded with zeros (RFC 2104).
    let mut block = [0; 64];
    block[..secret.len()].copy_from_slice(&secret);
    Hmac::new(&block.into())
}

/// Metadata as a map of JSON values; nothing at all is an empty map.
fn map(metadata: impl Serialize) -> Result<Map<String, Value>, KeyError> {
    match serde_json::to_value(metadata) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => Err(KeyError::Metadata(format!("a map is needed, not {}", kind(&other)))),
        Err(error) => Err(KeyError::Metadata(error.to_string())),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn next(kept: &StoredKey) -> u64 {
    kept.revision.wrapping_add(1)
}

fn now() -> u64 {
    // A clock before 1970 is wrong anyway; the date is information, nothing rests on it.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn contended() -> KeyError {
    KeyError::Store("it refuses every change; does it compare revisions as KeyStore says?".into())
}
