use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

type Values = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// What a program keeps with a session, a value a type. Most sessions keep nothing, and need no room for it.
#[derive(Default)]
pub(crate) struct Extensions(OnceLock<Box<Mutex<Values>>>);

impl Extensions {
    fn lock(values: &Mutex<Values>) -> MutexGuard<'_, Values> {
        // No user code runs under this lock, so that a poisoned one still holds whole values.
        values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        let values = self.0.get_or_init(Box::default);
        // The former value is dropped by whoever asks for it, not under the lock.
        let former = Self::lock(values).insert(TypeId::of::<T>(), Arc::new(value));
        former.and_then(|former| former.downcast().ok())
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let value = Self::lock(self.0.get()?).get(&TypeId::of::<T>()).cloned();
        value?.downcast().ok()
    }

    pub(crate) fn get_or_insert_with<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(value) = self.get() {
            return value;
        }
        let made = Arc::new(make());
        let values = self.0.get_or_init(Box::default);
        // Somebody else may have been faster: the first one stays.
        let value = Self::lock(values).entry(TypeId::of::<T>()).or_insert_with(|| made.clone()).clone();
        value.downcast().unwrap_or(made)
    }

    pub(crate) fn remove<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let value = Self::lock(self.0.get()?).remove(&TypeId::of::<T>());
        value?.downcast().ok()
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extensions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_a_type() {
        let kept = Extensions::default();
        assert_eq!(kept.get::<u32>(), None);
        assert_eq!(kept.insert(1u32), None);
        assert_eq!(kept.insert(2u32).as_deref(), Some(&1));
        assert_eq!(*kept.get_or_insert_with(|| 3u32), 2);
        assert_eq!(*kept.get_or_insert_with(|| "text"), "text");
        assert_eq!(kept.remove::<u32>().as_deref(), Some(&2));
        assert_eq!((kept.remove::<u32>(), kept.get::<&str>().as_deref()), (None, Some(&"text")));
    }
}
