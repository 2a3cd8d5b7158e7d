//! One suite over every store.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use super::*;

/// A place for a store that outlives one value of it.
trait Place {
    fn store(&self) -> Arc<dyn KeyStore>;

    fn open(&self) -> ApiKeys {
        ApiKeys::with_store(self.store()).unwrap()
    }
}

struct Memory(Arc<MemoryStore>);

impl Place for Memory {
    fn store(&self) -> Arc<dyn KeyStore> {
        self.0.clone()
    }
}

fn memory() -> Memory {
    Memory(Arc::default())
}

#[cfg(feature = "redb")]
mod on_disk {
    use super::*;
    use crate::security::scratch::Scratch;

    pub(super) struct Disk(pub(super) Scratch);

    impl Place for Disk {
        fn store(&self) -> Arc<dyn KeyStore> {
            Arc::new(RedbStore::open(self.0.path("keys.redb")).unwrap())
        }
    }

    pub(super) fn disk() -> Disk {
        Disk(Scratch::new())
    }
}

/// Every function of the suite becomes a test for each store.
macro_rules! suite {
    ($($name:ident)*) => {
        mod in_memory { $(#[test] fn $name() { super::$name(&super::memory()); })* }
        #[cfg(feature = "redb")]
        mod in_redb { $(#[test] fn $name() { super::$name(&super::on_disk::disk()); })* }
    };
}

suite! {
    a_key_is_issued_found_and_revoked
    reissuing_ends_the_old_key_and_keeps_the_rest
    updating_replaces_the_metadata
    unknown_keys_are_named_errors
    texts_that_are_no_keys_are_unknown
    one_changed_digit_is_another_key
    metadata_is_a_map
    keys_are_listed_and_changed_by_id
    the_store_holds_no_key
    keys_outlive_the_value_that_issued_them
    a_secret_kept_elsewhere_decides
    many_threads_issue_and_revoke
    one_of_many_reissues_wins
    an_update_is_not_lost_to_a_reissue
}

fn a_key_is_issued_found_and_revoked(place: &impl Place) {
    let keys = place.open();
    let key = keys.issue(json!({"plan": "gold"})).unwrap();
    let other = keys.issue(()).unwrap();
    assert_ne!(key.as_str(), other.as_str());
    let record = keys.get(key.as_str()).unwrap().unwrap();
    assert_eq!((record.id(), &record.metadata()["plan"]), (key.id(), &json!("gold")));
    assert!(record.issued_at().elapsed().unwrap().as_secs() < 60 && record.reissued_at().is_none());
    assert!(keys.get(other.as_str()).unwrap().unwrap().metadata().is_empty());
    keys.revoke(key.as_str()).unwrap();
    assert!(!keys.contains(key.as_str()).unwrap());
    assert!(keys.contains(other.as_str()).unwrap());
}

fn reissuing_ends_the_old_key_and_keeps_the_rest(place: &impl Place) {
    let keys = place.open();
    let old = keys.issue(json!({"plan": "gold"})).unwrap();
    let before = keys.get(old.as_str()).unwrap().unwrap();
    let new = keys.reissue(old.as_str()).unwrap();
    let after = keys.get(new.as_str()).unwrap().unwrap();
    assert!(keys.get(old.as_str()).unwrap().is_none());
    assert_eq!(after.id(), before.id());
    assert_eq!(after.issued_at(), before.issued_at());
    assert_eq!(after.metadata(), before.metadata());
    assert!(after.reissued_at().is_some());
    assert_eq!(keys.list().unwrap().len(), 1);
    assert!(matches!(keys.reissue(old.as_str()), Err(KeyError::Unknown)));
    assert!(matches!(keys.revoke(old.as_str()), Err(KeyError::Unknown)));
    assert!(matches!(keys.update(old.as_str(), ()), Err(KeyError::Unknown)));
    assert!(keys.contains(new.as_str()).unwrap());
}

fn updating_replaces_the_metadata(place: &impl Place) {
    #[derive(Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Customer {
        name: String,
        seats: u32,
    }
    let keys = place.open();
    let key = keys.issue(json!({"plan": "gold"})).unwrap();
    let misfit = keys.get_as::<Customer>(key.as_str());
    assert!(matches!(misfit, Err(KeyError::Metadata(why)) if why.contains("name")));
    keys.update(key.as_str(), Customer { name: "acme".into(), seats: 3 }).unwrap();
    let customer = keys.get_as::<Customer>(key.as_str()).unwrap().unwrap();
    assert_eq!(customer, Customer { name: "acme".into(), seats: 3 });
    assert!(!keys.get(key.as_str()).unwrap().unwrap().metadata().contains_key("plan"));
}

fn unknown_keys_are_named_errors(place: &impl Place) {
    let keys = place.open();
    // The form of a key, but issued elsewhere.
    let foreign = ApiKeys::in_memory().issue(()).unwrap();
    let foreign = foreign.as_str();
    assert!(keys.get(foreign).unwrap().is_none());
    assert!(keys.get_as::<Value>(foreign).unwrap().is_none());
    assert!(matches!(keys.revoke(foreign), Err(KeyError::Unknown)));
    assert!(matches!(keys.reissue(foreign), Err(KeyError::Unknown)));
    assert!(matches!(keys.update(foreign, ()), Err(KeyError::Unknown)));
    assert!(matches!(keys.revoke_id("0123456789abcdef"), Err(KeyError::Unknown)));
    assert!(matches!(keys.reissue_id(""), Err(KeyError::Unknown)));
    assert!(keys.get_id("\0").unwrap().is_none());
}

fn texts_that_are_no_keys_are_unknown(place: &impl Place) {
    let keys = place.open();
    let key = keys.issue(()).unwrap().to_string();
    let enormous = "ak_".repeat(20_000_000);
    for text in
        ["", " ", "ak_", &key[1..], &format!("{key} "), &format!(" {key}"), &key.to_uppercase(), &enormous]
    {
        assert!(!keys.contains(text).unwrap());
        assert!(matches!(keys.revoke(text), Err(KeyError::Unknown)));
    }
    assert!(keys.contains(&key).unwrap());
}

fn one_changed_digit_is_another_key(place: &impl Place) {
    let keys = place.open();
    let key = keys.issue(()).unwrap().to_string();
    for at in (3..key.len()).filter(|&at| key.as_bytes()[at] != b'_') {
        let mut changed = key.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(!keys.contains(&changed).unwrap(), "digit {at}");
    }
}

fn metadata_is_a_map(place: &impl Place) {
    let keys = place.open();
    let refused = |result: Result<ApiKey, KeyError>, what: &str| match result {
        Err(KeyError::Metadata(why)) => assert!(why.contains(what), "{why}"),
        other => panic!("{other:?}"),
    };
    refused(keys.issue(5), "not a number");
    refused(keys.issue("gold"), "not a string");
    refused(keys.issue([1, 2]), "not a list");
    refused(keys.issue(true), "not a boolean");
    refused(keys.issue(std::collections::HashMap::from([((1, 2), 3)])), "key must be a string");
    assert!(keys.list().unwrap().is_empty());
    let deep = json!({"a": {"b": [1, 2.5, null, "ü\u{1F600}\n"]}, "": 18_446_744_073_709_551_615_u64});
    let key = keys.issue(&deep).unwrap();
    assert_eq!(keys.get_as::<Value>(key.as_str()).unwrap().unwrap(), deep);
}

fn keys_are_listed_and_changed_by_id(place: &impl Place) {
    let keys = place.open();
    let issued: Vec<ApiKey> = (0..5).map(|n| keys.issue(json!({ "n": n })).unwrap()).collect();
    let mut ids: Vec<&str> = issued.iter().map(ApiKey::id).collect();
    let listed = keys.list().unwrap();
    assert!(listed.windows(2).all(|pair| pair[0].issued_at() <= pair[1].issued_at()));
    let mut found: Vec<&str> = listed.iter().map(Record::id).collect();
    ids.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, ids);
    keys.revoke_id(issued[0].id()).unwrap();
    assert!(!keys.contains(issued[0].as_str()).unwrap());
    let new = keys.reissue_id(issued[1].id()).unwrap();
    assert!(!keys.contains(issued[1].as_str()).unwrap());
    assert_eq!(keys.get(new.as_str()).unwrap().unwrap().metadata()["n"], 1);
    assert_eq!(keys.get_id(issued[2].id()).unwrap().unwrap().metadata()["n"], 2);
    assert_eq!(keys.list().unwrap().len(), 4);
}

fn the_store_holds_no_key(place: &impl Place) {
    let keys = place.open();
    let key = keys.issue(json!({"plan": "gold"})).unwrap();
    let secret = key.as_str().rsplit('_').next().unwrap();
    for entry in keys.0.store.list().unwrap() {
        let text = serde_json::to_string(&*entry).unwrap();
        assert!(!text.contains(secret), "{text}");
        // Nor a hash that could be made without the store's secret.
        use sha2::Digest;
        assert!(!text.contains(&hex::encode(&Sha256::digest(key.as_str()))));
    }
}

fn keys_outlive_the_value_that_issued_them(place: &impl Place) {
    let key = {
        let keys = place.open();
        let revoked = keys.issue(()).unwrap();
        let old = keys.issue(json!({"plan": "gold"})).unwrap();
        keys.revoke(revoked.as_str()).unwrap();
        let new = keys.reissue(old.as_str()).unwrap();
        keys.update(new.as_str(), json!({"plan": "iron"})).unwrap();
        new
    };
    let keys = place.open();
    assert_eq!(keys.get(key.as_str()).unwrap().unwrap().metadata()["plan"], "iron");
    assert_eq!(keys.list().unwrap().len(), 1);
}

fn a_secret_kept_elsewhere_decides(place: &impl Place) {
    let store = place.store();
    let keys = ApiKeys::with_secret(Arc::clone(&store), [1; 32]);
    let key = keys.issue(()).unwrap();
    assert!(ApiKeys::with_secret(Arc::clone(&store), [1; 32]).contains(key.as_str()).unwrap());
    assert!(!ApiKeys::with_secret(Arc::clone(&store), [2; 32]).contains(key.as_str()).unwrap());
    assert!(!ApiKeys::with_store(store).unwrap().contains(key.as_str()).unwrap());
}

fn many_threads_issue_and_revoke(place: &impl Place) {
    let keys = place.open();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let kept = keys.issue(()).unwrap();
                    let gone = keys.issue(()).unwrap();
                    keys.revoke(gone.as_str()).unwrap();
                    assert!(keys.contains(kept.as_str()).unwrap() && !keys.contains(gone.as_str()).unwrap());
                }
            });
        }
    });
    assert_eq!(keys.list().unwrap().len(), 20);
}

fn one_of_many_reissues_wins(place: &impl Place) {
    let keys = place.open();
    for _ in 0..5 {
        let old = keys.issue(()).unwrap();
        let start = Barrier::new(8);
        let results: Vec<Result<ApiKey, KeyError>> = thread::scope(|scope| {
            let reissue = || {
                start.wait();
                keys.reissue(old.as_str())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(reissue)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (winners, losers): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(winners.len(), 1);
        assert!(losers.iter().all(|result| matches!(result, Err(KeyError::Unknown))));
        assert!(keys.contains(winners[0].as_ref().unwrap().as_str()).unwrap());
    }
}

fn an_update_is_not_lost_to_a_reissue(place: &impl Place) {
    let keys = place.open();
    for _ in 0..10 {
        let old = keys.issue(json!({"plan": "gold"})).unwrap();
        let start = Barrier::new(2);
        let (updated, new) = thread::scope(|scope| {
            let updated = scope.spawn(|| {
                start.wait();
                keys.update(old.as_str(), json!({"plan": "iron"}))
            });
            start.wait();
            let new = keys.reissue(old.as_str()).unwrap();
            (updated.join().unwrap(), new)
        });
        let plan = keys.get(new.as_str()).unwrap().unwrap().metadata()["plan"].clone();
        match updated {
            Ok(()) => assert_eq!(plan, "iron"),
            Err(KeyError::Unknown) => assert_eq!(plan, "gold"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_store_that_refuses_every_change_ends_in_an_error() {
    struct Stubborn(MemoryStore);
    impl KeyStore for Stubborn {
        fn secret(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
            self.0.secret(fresh)
        }
        fn insert(&self, key: StoredKey) -> Result<bool, StoreError> {
            self.0.insert(key)
        }
        fn get(&self, id: &str) -> Result<Option<Arc<StoredKey>>, StoreError> {
            self.0.get(id)
        }
        fn replace(&self, _: u64, _: StoredKey) -> Result<bool, StoreError> {
            Ok(false)
        }
        fn remove(&self, _: &str, _: u64) -> Result<bool, StoreError> {
            Err("out of order".into())
        }
        fn list(&self) -> Result<Vec<Arc<StoredKey>>, StoreError> {
            self.0.list()
        }
    }
    let keys = ApiKeys::with_store(Stubborn(MemoryStore::new())).unwrap();
    let key = keys.issue(()).unwrap();
    assert!(keys.reissue(key.as_str()).unwrap_err().to_string().contains("refuses every change"));
    let error = keys.revoke(key.as_str()).unwrap_err();
    assert_eq!(error.to_string(), "the store of API keys: out of order");
}

#[cfg(feature = "redb")]
mod files {
    use super::on_disk::disk;
    use super::*;

    /// Opening fails, and the text names the file and says why.
    fn refused(path: &std::path::Path, why: &str) {
        let error = ApiKeys::open(path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()) && error.contains(why), "{error}");
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_alone() {
        let place = disk();
        let path = place.0.path("notes.txt");
        for length in [1, 9, 511, 512, 4_096, 100_000] {
            let text = "dear diary, ".repeat(length)[..length].to_owned();
            std::fs::write(&path, &text).unwrap();
            refused(&path, "is no database of API keys");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_directory_and_a_missing_directory_are_refused() {
        let place = disk();
        refused(&place.0.path(""), "directory");
        refused(&place.0.path("no/such/keys.redb"), "No such file");
    }

    #[test]
    fn a_file_that_is_open_already_is_refused() {
        let place = disk();
        let _open = place.open();
        refused(&place.0.path("keys.redb"), "open already");
    }

    #[test]
    fn a_database_of_something_else_is_refused() {
        let place = disk();
        let path = place.0.path("other.redb");
        {
            let database = redb::Database::create(&path).unwrap();
            let transaction = database.begin_write().unwrap();
            transaction.open_table(redb::TableDefinition::<u64, u64>::new("orders")).unwrap();
            transaction.commit().unwrap();
        }
        refused(&path, "other tables: orders");
    }

    #[test]
    fn a_later_format_is_refused() {
        let place = disk();
        drop(place.open());
        let path = place.0.path("keys.redb");
        {
            let database = redb::Database::create(&path).unwrap();
            let transaction = database.begin_write().unwrap();
            let meta = redb::TableDefinition::<&[u8], &[u8]>::new("asyncapy_api_keys_meta");
            transaction.open_table(meta).unwrap().insert(&b"format"[..], &b"2"[..]).unwrap();
            transaction.commit().unwrap();
        }
        refused(&path, "is of format \"2\", not 1");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let place = disk();
        drop(place.open());
        let mode = std::fs::metadata(place.0.path("keys.redb")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_refused_or_loses_nothing() {
        let place = disk();
        let keys = place.open();
        let key = keys.issue(json!({"plan": "gold"})).unwrap();
        (0..20).for_each(|n| drop(keys.issue(json!({ "n": n })).unwrap()));
        drop(keys);
        let path = place.0.path("keys.redb");
        let whole = std::fs::read(&path).unwrap();
        let look = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            match ApiKeys::open(&path) {
                Ok(keys) => {
                    assert!(keys.contains(key.as_str()).unwrap() && keys.list().unwrap().len() == 21);
                    false
                }
                Err(error) => {
                    assert!(error.to_string().contains("keys.redb: "), "{error}");
                    true
                }
            }
        };
        assert!([1, 100, 4_096, whole.len() / 2, whole.len() - 1].iter().all(|&cut| look(&whole[..cut])));
        let used: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] != 0).collect();
        let refused = used.iter().step_by(used.len() / 100).filter(|&&at| {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            look(&damaged)
        });
        assert!(refused.count() > 5);
        assert!(!look(&whole));
    }
}
