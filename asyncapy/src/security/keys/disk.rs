use std::fmt;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Database, DatabaseError, Error, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
    TableHandle,
};

use super::{KeyError, KeyStore, StoreError, StoredKey};

/// `id` -> the entry as JSON.
const KEYS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("asyncapy_api_keys");
/// `secret` -> 32 bytes; `format` -> [`FORMAT`].
const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("asyncapy_api_keys_meta");
/// The version of this layout; a file of a later one is refused, not misread.
const FORMAT: &[u8] = b"1";
/// Bytes of pages kept in memory; redb would take up to 1 GiB, and 8 MiB hold tens of thousands of keys.
const CACHE: usize = 8 << 20;

/// Keys in a file, an ACID database of one file (redb): what was issued, revoked or reissued is on disk when the
/// call returns, and a crash at any moment leaves the state before or after a change.
///
/// Every change waits for the disk (an `fsync`, milliseconds), so async callers use the blocking pool; reads come from
/// memory mostly. One process has the file open at a time. The file also holds the secret under which the keys are
/// hashed: it is made readable for its owner only, and whoever can write to it can make keys.
pub struct RedbStore {
    // Every error names the file.
    path: PathBuf,
    database: Database,
}

impl RedbStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`KeyError::Store`], with the path in its text: the file cannot be opened, is open in another process, is no
    /// database, or holds something other than API keys.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        // redb panics on some kinds of damage; here that is one more way in which the file is damaged. Nothing that the
        // panic passed through is used afterwards.
        let opened = catch_unwind(AssertUnwindSafe(|| open(path)));
        let database = opened.unwrap_or_else(|_| Err("is a damaged database".into()));
        let named = |error: StoreError| KeyError::Store(format!("{}: {error}", path.display()).into());
        let database = database.map_err(named)?;
        Ok(Self { path: path.to_owned(), database })
    }

    /// Names the file in an error.
    fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|error| format!("{}: {error}", self.path.display()).into())
    }

    /// Puts `next` in the place of the entry with the `id`, if what is there has the `revision` (`None`: is nothing).
    fn swap(&self, id: &str, revision: Option<u64>, next: Option<StoredKey>) -> Result<bool, StoreError> {
        let next = next.map(|key| serde_json::to_vec(&key)).transpose()?;
        // One writer at a time: what is read here does not change before the commit. A transaction that is dropped
        // without a commit changes nothing.
        let transaction = self.database.begin_write().map_err(Error::from)?;
        {
            let mut keys = transaction.open_table(KEYS).map_err(Error::from)?;
            let kept = keys
                .get(id.as_bytes())?
                .map(|entry| read(entry.value()))
                .transpose()?
                .map(|key| key.revision);
            if kept != revision {
                return Ok(false);
            }
            match &next {
                Some(entry) => keys.insert(id.as_bytes(), &**entry)?,
                None => keys.remove(id.as_bytes())?,
            };
        }
        transaction.commit().map_err(Error::from)?;
        Ok(true)
    }
}

/// Opens the file and looks at all of it, so that damage is found now and not by the request that comes upon it.
fn open(path: &Path) -> Result<Database, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let mut database = Database::builder().set_cache_size(CACHE).create_file(file).map_err(explain)?;
    database.check_integrity().map_err(explain)?;
    prepare(&database)?;
    Ok(database)
}

fn explain(error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => "is open already, perhaps in another process".into(),
        DatabaseError::Storage(StorageError::Corrupted(why)) => {
            format!("is no database of API keys, or a damaged one ({why})").into()
        }
        DatabaseError::Storage(StorageError::Io(why)) if why.kind() == ErrorKind::InvalidData => {
            format!("is no database of API keys, or a damaged one ({why})").into()
        }
        error => error.into(),
    }
}

/// Makes the tables of a new file; refuses a file that holds something else.
fn prepare(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    let tables: Vec<String> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    if !tables.is_empty() && !tables.iter().any(|name| name == META.name()) {
        return Err(format!("holds no API keys, but other tables: {}", tables.join(", ")).into());
    }
    let new = {
        let mut meta = transaction.open_table(META)?;
        let format = meta.get(&b"format"[..])?.map(|kept| kept.value().to_vec());
        match format {
            Some(format) if format != FORMAT => {
                return Err(format!("is of format {:?}, not 1", String::from_utf8_lossy(&format)).into());
            }
            Some(_) => false,
            None => {
                meta.insert(&b"format"[..], FORMAT)?;
                transaction.open_table(KEYS)?;
                true
            }
        }
    };
    // Opening a file that is all right writes nothing.
    if new {
        transaction.commit()?;
    }
    Ok(())
}

fn read(entry: &[u8]) -> Result<StoredKey, StoreError> {
    serde_json::from_slice(entry).map_err(|error| format!("a damaged entry: {error}").into())
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl KeyStore for RedbStore {
    fn secret(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let secret = || -> Result<[u8; 32], StoreError> {
            let transaction = self.database.begin_write()?;
            {
                let mut meta = transaction.open_table(META)?;
                if let Some(kept) = meta.get(&b"secret"[..])? {
                    return kept.value().try_into().map_err(|_| "the secret is not of 32 bytes".into());
                }
                meta.insert(&b"secret"[..], &fresh[..])?;
            }
            transaction.commit()?;
            Ok(fresh)
        };
        self.named(secret())
    }

    fn insert(&self, key: StoredKey) -> Result<bool, StoreError> {
        let id = key.id.clone();
        self.named(self.swap(&id, None, Some(key)))
    }

    fn get(&self, id: &str) -> Result<Option<Arc<StoredKey>>, StoreError> {
        let get = || {
            let keys = self.database.begin_read()?.open_table(KEYS)?;
            let entry = keys.get(id.as_bytes())?;
            Ok(entry.map(|entry| read(entry.value())).transpose()?.map(Arc::new))
        };
        self.named(get())
    }

    fn replace(&self, revision: u64, key: StoredKey) -> Result<bool, StoreError> {
        let id = key.id.clone();
        self.named(self.swap(&id, Some(revision), Some(key)))
    }

    fn remove(&self, id: &str, revision: u64) -> Result<bool, StoreError> {
        self.named(self.swap(id, Some(revision), None))
    }

    fn list(&self) -> Result<Vec<Arc<StoredKey>>, StoreError> {
        let list = || {
            let keys = self.database.begin_read()?.open_table(KEYS)?;
            keys.iter()?.map(|entry| Ok(Arc::new(read(entry?.1.value())?))).collect()
        };
        self.named(list())
    }
}
