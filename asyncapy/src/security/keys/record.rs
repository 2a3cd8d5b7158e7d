use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::{KeyError, hex};

/// What is known of a key: its identifier, its dates, its metadata. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Record(pub(super) Arc<StoredKey>);

impl Record {
    /// The public identifier; it stays when the key is reissued.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// When the key was first issued, to the second; reissuing keeps this date.
    pub fn issued_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.issued_at)
    }

    /// When the key was last reissued, to the second, if it ever was.
    pub fn reissued_at(&self) -> Option<SystemTime> {
        self.0.reissued_at.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// What was attached to the key when it was issued or updated.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.0.metadata
    }

    /// The metadata as a type of the application's.
    ///
    /// # Errors
    /// [`KeyError::Metadata`] if it does not fit.
    pub fn metadata_as<T: DeserializeOwned>(&self) -> Result<T, KeyError> {
        // `&Map` deserializes without a copy of the map.
        T::deserialize(&self.0.metadata).map_err(|error| KeyError::Metadata(error.to_string()))
    }
}

/// A key as a [`KeyStore`](super::KeyStore) keeps it; serde reads and writes it, as JSON for example.
///
/// It holds no secret that could be used as a key: only a hash that cannot be computed without the store's secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredKey {
    /// The public identifier, 16 hexadecimal digits; unique in the store.
    pub id: String,
    /// Grows by one with every change; [`KeyStore::replace`](super::KeyStore::replace) compares it.
    pub revision: u64,
    /// The keyed hash of the key.
    pub digest: KeyDigest,
    /// When the key was first issued, in seconds since 1970.
    pub issued_at: u64,
    /// When it was last reissued, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reissued_at: Option<u64>,
    /// What the application attached.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

/// The keyed hash of a key: HMAC-SHA-256 under the store's secret (LIMITS, protection 2).
///
/// Two of them are compared in constant time. Serde writes 64 hexadecimal digits.
#[derive(Clone, Copy)]
pub struct KeyDigest(pub(super) [u8; 32]);

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        hex::decode(&text).map(Self).ok_or_else(|| D::Error::custom("a digest is 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_key_survives_json() {
        let metadata = Map::from_iter([("plan".to_owned(), Value::from("gold"))]);
        let id = "00112233445566ff".to_owned();
        let digest = KeyDigest([7; 32]);
        let key =
            StoredKey { id, revision: 3, digest, issued_at: 1_700_000_000, reissued_at: None, metadata };
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<StoredKey>(&text).unwrap(), key);
        let other = StoredKey { digest: KeyDigest([8; 32]), ..key.clone() };
        assert_ne!(other, key);
        let broken = text.replacen("0707", "07zz", 1);
        let error = serde_json::from_str::<StoredKey>(&broken).unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits"), "{error}");
    }

    #[test]
    fn debug_shows_no_digest() {
        assert_eq!(format!("{:?}", KeyDigest([7; 32])), "KeyDigest(..)");
    }
}
