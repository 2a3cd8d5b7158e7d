use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::Session;
use super::session::Core;

/// The sessions that a server has, by client address.
#[derive(Default)]
pub(crate) struct Sessions {
    by_address: Mutex<ByAddress>,
}

/// `None` stands for all clients that have no IP address.
type ByAddress = HashMap<Option<IpAddr>, HashMap<Uuid, Arc<Core>>>;

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, ByAddress> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a session, unless its address has `limit` of them already (0: no limit).
    pub(crate) fn enter(&self, core: &Arc<Core>, limit: usize) -> bool {
        let mut by_address = self.lock();
        let of_address = by_address.entry(core.address.ip()).or_default();
        if limit > 0 && of_address.len() >= limit {
            return false;
        }
        of_address.insert(core.id, core.clone());
        true
    }

    pub(crate) fn leave(&self, core: &Core) {
        let mut by_address = self.lock();
        if let Some(of_address) = by_address.get_mut(&core.address.ip()) {
            of_address.remove(&core.id);
            if of_address.is_empty() {
                by_address.remove(&core.address.ip());
                if by_address.capacity() > 64 && by_address.len() < by_address.capacity() / 8 {
                    by_address.shrink_to_fit();
                }
            }
        }
    }

    pub(crate) fn of_address(&self, ip: Option<IpAddr>) -> Vec<Session> {
        let by_address = self.lock();
        let mut sessions: Vec<_> = by_address
            .get(&ip)
            .map_or_else(Vec::new, |of_address| of_address.values().cloned().map(Session::new).collect());
        drop(by_address);
        sessions.sort_by_key(Session::started);
        sessions
    }

    pub(crate) fn all(&self) -> Vec<Session> {
        self.lock().values().flat_map(HashMap::values).cloned().map(Session::new).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().values().map(HashMap::len).sum()
    }

    /// Calls `each` with every session, without a lock held.
    pub(crate) fn for_each(&self, each: impl Fn(&Core)) {
        let cores: Vec<_> = self.lock().values().flat_map(HashMap::values).cloned().collect();
        cores.iter().for_each(|core| each(core));
    }
}
