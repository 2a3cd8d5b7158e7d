use std::error::Error;
use std::sync::Arc;

use super::StoredKey;

/// What a store reports when it fails; any error will do. Its text should name the place, a file for example.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// Where [`ApiKeys`](super::ApiKeys) keeps its keys.
///
/// Two stores come with the library: [`MemoryStore`](super::MemoryStore) and, on disk, `RedbStore` (feature `redb`).
/// Write your own to keep keys in a database that you already have. A store knows nothing of keys or hashing; it
/// keeps entries by their `id` and compares revisions. Its methods may block: callers on an async runtime use the
/// runtime's pool for blocking work.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex, PoisonError};
/// use asyncapy::security::{ApiKeys, KeyStore, StoreError, StoredKey};
///
/// /// Keeps each entry as a line of JSON, as a table with a text column would.
/// #[derive(Default)]
/// struct Lines {
///     secret: Mutex<Option<[u8; 32]>>,
///     lines: Mutex<BTreeMap<String, String>>,
/// }
///
/// impl Lines {
///     /// What a database does with `UPDATE .. WHERE id = ? AND revision = ?` or the like, in a transaction.
///     fn swap(&self, id: &str, revision: Option<u64>, line: Option<String>) -> Result<bool, StoreError> {
///         let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
///         let kept = match lines.get(id) {
///             Some(line) => Some(serde_json::from_str::<StoredKey>(line)?.revision),
///             None => None,
///         };
///         if kept != revision {
///             return Ok(false);
///         }
///         match line {
///             Some(line) => lines.insert(id.to_owned(), line),
///             None => lines.remove(id),
///         };
///         Ok(true)
///     }
/// }
///
/// impl KeyStore for Lines {
///     fn secret(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
///         Ok(*self.secret.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fresh))
///     }
///     fn insert(&self, key: StoredKey) -> Result<bool, StoreError> {
///         self.swap(&key.id, None, Some(serde_json::to_string(&key)?))
///     }
///     fn get(&self, id: &str) -> Result<Option<Arc<StoredKey>>, StoreError> {
///         let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
///         Ok(lines.get(id).map(|line| serde_json::from_str(line)).transpose()?.map(Arc::new))
///     }
///     fn replace(&self, revision: u64, key: StoredKey) -> Result<bool, StoreError> {
///         self.swap(&key.id, Some(revision), Some(serde_json::to_string(&key)?))
///     }
///     fn remove(&self, id: &str, revision: u64) -> Result<bool, StoreError> {
///         self.swap(id, Some(revision), None)
///     }
///     fn list(&self) -> Result<Vec<Arc<StoredKey>>, StoreError> {
///         let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
///         lines.values().map(|line| Ok(Arc::new(serde_json::from_str(line)?))).collect()
///     }
/// }
///
/// # fn main() -> Result<(), asyncapy::security::KeyError> {
/// let keys = ApiKeys::with_store(Lines::default())?;
/// let old = keys.issue(serde_json::json!({"plan": "gold"}))?;
/// let new = keys.reissue(old.as_str())?;
/// assert!(!keys.contains(old.as_str())?);
/// assert_eq!(keys.get(new.as_str())?.map(|record| record.metadata()["plan"].clone()), Some("gold".into()));
/// # Ok(())
/// # }
/// ```
pub trait KeyStore: Send + Sync + 'static {
    /// The secret under which this store's keys are hashed: the one it keeps, or `fresh`, which it then keeps from now
    /// on. Never changes afterwards; a store that loses it has lost all its keys.
    ///
    /// # Errors
    /// Whatever the store could not do.
    fn secret(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// Keeps a new entry, durably; `false`, and no change, if there is one with its `id` already.
    ///
    /// # Errors
    /// Whatever the store could not do.
    fn insert(&self, key: StoredKey) -> Result<bool, StoreError>;

    /// The entry with the `id`.
    ///
    /// # Errors
    /// Whatever the store could not do.
    fn get(&self, id: &str) -> Result<Option<Arc<StoredKey>>, StoreError>;

    /// Puts the entry in the place of the one with its `id`, durably, if that one still has the `revision`; `false`,
    /// and no change, if it has another or is gone. Comparing and replacing are one atomic step: reissuing and
    /// updating rest on it.
    ///
    /// # Errors
    /// Whatever the store could not do.
    fn replace(&self, revision: u64, key: StoredKey) -> Result<bool, StoreError>;

    /// Removes the entry with the `id`, durably, if it still has the `revision`; `false`, and no change, otherwise.
    ///
    /// # Errors
    /// Whatever the store could not do.
    fn remove(&self, id: &str, revision: u64) -> Result<bool, StoreError>;

    /// Every entry, in any order.
    ///
    /// # Errors
    /// Whatever the store could not do.
    fn list(&self) -> Result<Vec<Arc<StoredKey>>, StoreError>;
}

/// A store may be shared, to look into it from elsewhere.
impl<S: KeyStore + ?Sized> KeyStore for Arc<S> {
    fn secret(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        (**self).secret(fresh)
    }

    fn insert(&self, key: StoredKey) -> Result<bool, StoreError> {
        (**self).insert(key)
    }

    fn get(&self, id: &str) -> Result<Option<Arc<StoredKey>>, StoreError> {
        (**self).get(id)
    }

    fn replace(&self, revision: u64, key: StoredKey) -> Result<bool, StoreError> {
        (**self).replace(revision, key)
    }

    fn remove(&self, id: &str, revision: u64) -> Result<bool, StoreError> {
        (**self).remove(id, revision)
    }

    fn list(&self) -> Result<Vec<Arc<StoredKey>>, StoreError> {
        (**self).list()
    }
}
