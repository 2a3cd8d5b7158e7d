use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::ServerAddress;
use super::backoff::Failures;
use super::balance::Candidate;
use super::circuits::Circuits;
use super::connection::Connection;
use super::load::Load;
use super::random::Random;
use super::settings::Settings;
use crate::client::Endpoint;

/// A server of the pool, with its connections.
pub(super) struct Server {
    pub(super) endpoint: Endpoint,
    /// The endpoint as it is written, for calls that name their server.
    pub(super) name: Box<str>,
    /// The name that its certificate must have, where that is not the endpoint's.
    pub(super) tls_name: Option<String>,
    pub(super) load: Load,
    pub(super) circuits: Circuits,
    pub(super) settings: Arc<Settings>,
    /// Those that take calls. Written when one comes or goes, read by each call.
    connections: RwLock<Vec<Arc<Connection>>>,
    /// How many there are, to be seen without the lock.
    connected: AtomicUsize,
    /// Connections and those in the making: no more than are allowed.
    slots: AtomicUsize,
    /// How often a connection beyond the first ones could not be made, in a row: who refuses one refuses the next.
    more: Mutex<Failures>,
    /// Set once, when the server is not to be used any more; the watch wakes the connections' tasks.
    dismissed: AtomicBool,
    gone: watch::Sender<bool>,
    /// Why it could not be reached the last time.
    problem: Mutex<Option<String>>,
    /// Wakes who waits for any server of the pool to be reached, or to be known as unreachable.
    arrived: Arc<Notify>,
    /// Wakes who waits for the calls under way.
    ended: Arc<Notify>,
}

/// What the servers of a pool have in common.
pub(super) struct Common {
    pub(super) settings: Arc<Settings>,
    pub(super) arrived: Arc<Notify>,
    pub(super) ended: Arc<Notify>,
}

impl Server {
    pub(super) fn new(address: &ServerAddress, common: &Common, now: Instant) -> Self {
        Self {
            endpoint: address.endpoint.clone(),
            name: address.endpoint.to_string().into(),
            tls_name: address.tls_name.clone(),
            load: Load::new(address.weight),
            circuits: Circuits::new(now),
            settings: common.settings.clone(),
            connections: RwLock::default(),
            connected: AtomicUsize::new(0),
            slots: AtomicUsize::new(0),
            more: Mutex::default(),
            dismissed: AtomicBool::new(false),
            gone: watch::Sender::new(false),
            problem: Mutex::default(),
            arrived: common.arrived.clone(),
            ended: common.ended.clone(),
        }
    }

    /// Whether it is the server of that address, with whatever weight.
    pub(super) fn is_at(&self, address: &ServerAddress) -> bool {
        (&self.endpoint, &self.tls_name) == (&address.endpoint, &address.tls_name)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire) > 0
    }

    pub(super) fn connections(&self) -> usize {
        self.connected.load(Ordering::Acquire)
    }

    /// Whether a call means this server by `name`, written with or without `tcp://`.
    pub(super) fn is_called(&self, name: &str) -> bool {
        *self.name == *name || matches!(&self.endpoint, Endpoint::Tcp(host) if host == name)
    }

    /// The connection with the fewest calls, and whether even that is busy.
    pub(super) fn choose(&self) -> Option<(Arc<Connection>, bool)> {
        let connections = self.connections.read().unwrap_or_else(PoisonError::into_inner);
        let least = match &connections[..] {
            [only] => only,
            all => all.iter().min_by_key(|connection| connection.in_flight())?,
        };
        Some((least.clone(), least.in_flight() >= self.settings.busy_at))
    }

    pub(super) fn add(&self, connection: Arc<Connection>) {
        self.set_problem(None);
        let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        connections.push(connection);
        self.connected.store(connections.len(), Ordering::Release);
        drop(connections);
        self.arrived.notify_waiters();
    }

    /// The connection takes no more calls; whoever has it finishes.
    pub(super) fn remove(&self, connection: &Arc<Connection>) {
        let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|other| !Arc::ptr_eq(other, connection));
        self.connected.store(connections.len(), Ordering::Release);
    }

    /// Takes a place for one more connection, if there is one.
    pub(super) fn take_slot(&self) -> bool {
        let most = self.settings.max_connections;
        let more = |slots: usize| (slots < most).then_some(slots + 1);
        self.slots.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).is_ok()
    }

    pub(super) fn has_slot(&self) -> bool {
        self.slots.load(Ordering::Relaxed) < self.settings.max_connections
    }

    pub(super) fn free_slot(&self) {
        self.slots.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether a connection beyond the first ones was made. If not: how long the place stays taken.
    pub(super) fn made_more(&self, made: bool, random: &Random) -> Duration {
        let mut failures = self.more.lock().unwrap_or_else(PoisonError::into_inner);
        if made {
            *failures = Failures::default();
            return Duration::ZERO;
        }
        failures.pause(&self.settings.backoff, Duration::ZERO, random)
    }

    /// The server is not to be used any more: its connections close when their calls have ended.
    pub(super) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::SeqCst);
        self.gone.send_replace(true);
    }

    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.gone.subscribe()
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers why the server cannot be reached, and tells whether that is new.
    pub(super) fn set_problem(&self, problem: Option<String>) -> bool {
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *known != problem;
        *known = problem;
        drop(known);
        if new {
            self.arrived.notify_waiters();
        }
        new
    }

    /// A call has ended.
    pub(super) fn left(&self) {
        // The order with the count of calls matters: whoever waits for the last one says so first and counts then.
        if self.dismissed.load(Ordering::SeqCst) {
            self.ended.notify_waiters();
        }
    }
}

impl Candidate for Server {
    fn load(&self) -> &Load {
        &self.load
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("endpoint", &self.endpoint)
            .field("connected", &self.connected)
            .field("load", &self.load)
            .finish_non_exhaustive()
    }
}
