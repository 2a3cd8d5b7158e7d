use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{KeyStore, StoreError, StoredKey};

/// Keys in memory, gone with the process: for tests, and for keys that are issued anew at every start.
#[derive(Default)]
pub struct MemoryStore {
    secret: OnceLock<[u8; 32]>,
    keys: RwLock<HashMap<String, Arc<StoredKey>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    // No step below can leave the map half changed, so a lock whose holder panicked is as good as any.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Arc<StoredKey>>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Arc<StoredKey>>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("keys", &self.read().len()).finish_non_exhaustive()
    }
}

impl KeyStore for MemoryStore {
    fn secret(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        Ok(*self.secret.get_or_init(|| fresh))
    }

    fn insert(&self, key: StoredKey) -> Result<bool, StoreError> {
        match self.write().entry(key.id.clone()) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(place) => {
                place.insert(Arc::new(key));
                Ok(true)
            }
        }
    }

    fn get(&self, id: &str) -> Result<Option<Arc<StoredKey>>, StoreError> {
        Ok(self.read().get(id).cloned())
    }

    fn replace(&self, revision: u64, key: StoredKey) -> Result<bool, StoreError> {
        match self.write().get_mut(&key.id) {
            Some(kept) if kept.revision == revision => {
                *kept = Arc::new(key);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn remove(&self, id: &str, revision: u64) -> Result<bool, StoreError> {
        let mut keys = self.write();
        let same = keys.get(id).is_some_and(|kept| kept.revision == revision);
        if same {
            keys.remove(id);
        }
        Ok(same)
    }

    fn list(&self) -> Result<Vec<Arc<StoredKey>>, StoreError> {
        Ok(self.read().values().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_held_the_lock_costs_no_keys() {
        let store = Arc::new(MemoryStore::new());
        let keys = super::super::ApiKeys::with_store(Arc::clone(&store)).unwrap();
        let key = keys.issue(()).unwrap();
        let holder = std::thread::spawn(move || {
            let _held = store.keys.write().unwrap();
            panic!("on purpose: the lock is poisoned now");
        });
        assert!(holder.join().is_err());
        assert!(keys.contains(key.as_str()).unwrap());
        keys.revoke(key.as_str()).unwrap();
    }
}
