use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

/// What is remembered of each key: the moment from which its whole burst is allowed again. No more keys than `most`.
pub(super) struct Buckets<K> {
    most: usize,
    kept: Mutex<Kept<K>>,
    /// How many keys there are, to be read without a lock.
    length: AtomicUsize,
}

struct Kept<K> {
    keys: HashMap<K, Nanos>,
    /// The bucket of all keys for which there is no room.
    others: Option<Nanos>,
}

impl<K> Buckets<K> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::new(Kept { keys: HashMap::new(), others: None }),
            length: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> StateStore for Buckets<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut kept = self.lock();
        let Kept { keys, others } = &mut *kept;
        if let Some(bucket) = keys.get_mut(key) {
            let (outcome, next) = measure(Some(*bucket))?;
            *bucket = next;
            return Ok(outcome);
        }
        if keys.len() >= self.most {
            let (outcome, next) = measure(*others)?;
            *others = Some(next);
            return Ok(outcome);
        }
        let (outcome, next) = measure(None)?;
        keys.insert(key.clone(), next);
        self.length.store(keys.len(), Ordering::Relaxed);
        Ok(outcome)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Buckets<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut kept = self.lock();
        kept.keys.retain(|_, bucket| *bucket > drop_below);
        self.length.store(kept.keys.len(), Ordering::Relaxed);
    }

    fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
