use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use zeroize::Zeroizing;

use super::{Handshake, SealError, SealKey, SealKeyError};

/// The keys that a server takes, found by their ids.
///
/// Cheap to clone; all clones share the keys, so they can be changed while the server runs. To rotate: add the new key,
/// give it to the clients, retire the old one. A connection that began with a key goes on with it to its end; after
/// [`retire_now`](Self::retire_now) it ends instead.
///
/// ```
/// use asyncapy::security::{SealKey, SealKeys};
///
/// let keys: SealKeys = "
///     ## one line a key: its id, its secret
///     2025 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
/// ".parse()?;
/// keys.add(SealKey::generate("2026")?)?;
/// assert_eq!(keys.ids(), ["2025", "2026"]);
/// keys.retire("2025");
/// assert!(keys.accept("2025").is_err());
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone)]
pub struct SealKeys(Arc<RwLock<Held>>);

#[derive(Default)]
struct Held {
    taken: BTreeMap<String, Entry>,
    // The secrets are gone; the flags are for `retire_now`, as long as connections hold them.
    retired: Vec<(String, Arc<AtomicBool>)>,
}

struct Entry {
    key: SealKey,
    // Shared with the connections that began with the key.
    retired: Arc<AtomicBool>,
}

impl Held {
    fn retire(&mut self, id: &str) -> bool {
        // Those whose last connection is gone are forgotten on the way.
        self.retired.retain(|(_, flag)| Arc::strong_count(flag) > 1);
        let Some(entry) = self.taken.remove(id) else { return false };
        self.retired.push((id.to_owned(), entry.retired));
        true
    }
}

impl SealKeys {
    /// These keys.
    ///
    /// # Errors
    /// [`SealKeyError::Duplicate`]; [`SealKeyError::Empty`].
    pub fn new(keys: impl IntoIterator<Item = SealKey>) -> Result<Self, SealKeyError> {
        let taken = unique(keys)?.into_iter().map(|(id, key)| (id, Entry::new(key))).collect();
        Ok(Self(Arc::new(RwLock::new(Held { taken, retired: Vec::new() }))))
    }

    /// The keys in a file of lines `id secret`; empty lines and those that begin with `#` are passed over. Nobody but the
    /// server should be able to read it.
    ///
    /// # Errors
    /// [`SealKeyError::File`] names the file, the line and what is wrong, and repeats no secret.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SealKeyError> {
        Self::new(read(path.as_ref())?)
    }

    /// Takes one more key. One that is taken already changes nothing.
    ///
    /// # Errors
    /// [`SealKeyError::Duplicate`] if the id is that of another key.
    pub fn add(&self, key: SealKey) -> Result<(), SealKeyError> {
        let mut held = self.write();
        match held.taken.get(key.id()) {
            Some(entry) if entry.key != key => Err(SealKeyError::Duplicate { id: key.id().to_owned() }),
            Some(_) => Ok(()),
            None => {
                held.taken.insert(key.id().to_owned(), Entry::new(key));
                Ok(())
            }
        }
    }

    /// Takes a key for no new connection; those that began with it go on. Says whether it was taken.
    pub fn retire(&self, id: &str) -> bool {
        self.write().retire(id)
    }

    /// Takes a key no more, and ends the connections that began with it, each at its next payload: for a secret that
    /// was stolen. It works for a key that was retired before, too. Says whether there was anything to end.
    pub fn retire_now(&self, id: &str) -> bool {
        let mut held = self.write();
        let mut found = held.retire(id);
        held.retired.retain(|(retired, flag)| {
            if retired == id {
                found = true;
                flag.store(true, Ordering::Relaxed);
            }
            retired != id
        });
        found
    }

    /// Takes these keys and no others, in one step. Those that are not among them are retired; connections go on.
    ///
    /// # Errors
    /// [`SealKeyError::Duplicate`], [`SealKeyError::Empty`]; nothing has changed then.
    pub fn replace(&self, keys: impl IntoIterator<Item = SealKey>) -> Result<(), SealKeyError> {
        let keys = unique(keys)?;
        let mut held = self.write();
        let gone: Vec<String> = (held.taken.iter())
            .filter(|(id, entry)| keys.get(*id) != Some(&entry.key))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &gone {
            held.retire(id);
        }
        for (id, key) in keys {
            held.taken.entry(id).or_insert_with(|| Entry::new(key));
        }
        Ok(())
    }

    /// Takes the keys in the file and no others, as [`replace`](Self::replace) does.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file); nothing has changed then.
    pub fn reload(&self, path: impl AsRef<Path>) -> Result<(), SealKeyError> {
        self.replace(read(path.as_ref())?)
    }

    /// The ids of the keys that are taken, in order.
    pub fn ids(&self) -> Vec<String> {
        self.read().taken.keys().cloned().collect()
    }

    /// Begins the accepting side's part with the key that the other side names.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`], [`SealError::Random`].
    pub fn accept(&self, id: &str) -> Result<Handshake, SealError> {
        let held = self.read();
        let entry = held.taken.get(id).ok_or_else(|| SealError::UnknownKey { id: id.to_owned() })?;
        Handshake::accepting(entry.key.clone(), Arc::clone(&entry.retired))
    }

    // No step can leave the keys half changed in a way that matters: a lock whose holder panicked is as good as any.
    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(key: SealKey) -> Self {
        Self { key, retired: Arc::default() }
    }
}

fn unique(keys: impl IntoIterator<Item = SealKey>) -> Result<BTreeMap<String, SealKey>, SealKeyError> {
    let mut found = BTreeMap::new();
    for key in keys {
        let id = key.id().to_owned();
        if found.insert(id.clone(), key).is_some() {
            return Err(SealKeyError::Duplicate { id });
        }
    }
    if found.is_empty() { Err(SealKeyError::Empty) } else { Ok(found) }
}

fn read(path: &Path) -> Result<Vec<SealKey>, SealKeyError> {
    let named = |error| SealKeyError::File { path: path.to_owned(), error: Box::new(error) };
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let keys = parse(&text.map_err(|error| named(SealKeyError::Unreadable(error)))?).map_err(named)?;
    // Once here, so that these name the file as well.
    unique(keys.iter().cloned()).map_err(named)?;
    Ok(keys)
}

fn parse(text: &str) -> Result<Vec<SealKey>, SealKeyError> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            let named = |error: SealKeyError| SealKeyError::Line { line: at + 1, why: error.to_string() };
            line.parse().map_err(named)
        })
        .collect()
}

/// Lines as in [`SealKeys::from_file`].
impl FromStr for SealKeys {
    type Err = SealKeyError;

    fn from_str(text: &str) -> Result<Self, SealKeyError> {
        Self::new(parse(text)?)
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealKeys").field(&self.ids()).finish()
    }
}
