use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, watch};

use super::admission::Admission;
use super::doorkeeping::Doorkeeping;
use super::guard::{Bans, Guards};
use super::lifecycle::SessionHooks;
use super::{Limits, Settings};
use crate::dispatch::Table;
use crate::handler::outbox::Outbox;
use crate::handler::session::{Core, Phase};
use crate::handler::{Address, Sessions, StateMap};
use crate::rpc;
use crate::rpc::serving::Serving;
use crate::rpc::table::Functions;
#[cfg(feature = "tls")]
use crate::security::Identity;
use crate::wire::{Encoding, Framing};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) table: Table,
    pub(crate) state: Arc<StateMap>,
    /// What V3 connections need.
    pub(crate) serving: Arc<Serving>,
    pub(crate) limits: Limits,
    pub(crate) framing: Framing,
    /// What is said before a session's first packet.
    pub(crate) encoding: Encoding,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) admission: Admission,
    /// Who is closed as he comes.
    pub(super) bans: Bans,
    /// Who decides on those that are admitted.
    pub(super) guards: Guards,
    pub(super) session_hooks: SessionHooks,
    /// Handlers that wait for something hold one permit each.
    pub(crate) calls: Arc<Semaphore>,
    pub(crate) counters: Counters,
    /// Set once, when the server shall stop.
    pub(crate) stopping: watch::Sender<bool>,
    /// Set once, when the stop waits for connections no longer. Not all are sessions: some shake hands, some say goodbye.
    cutting: watch::Sender<bool>,
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) packets: AtomicU64,
    pub(crate) panics: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// What is served: all that was wired up and found sound.
pub(super) struct Served {
    pub(super) table: Table,
    pub(super) functions: Functions,
    pub(super) state: StateMap,
    #[cfg(feature = "metrics")]
    pub(super) metrics: Option<rpc::Metrics>,
}

impl Shared {
    #[allow(clippy::too_many_arguments, reason = "they are what the builder has gathered")]
    pub(super) fn new(
        served: Served,
        settings: &Settings,
        doorkeeping: Doorkeeping,
        session_hooks: SessionHooks,
    ) -> Self {
        let limits = settings.limits.reckonable();
        let max = limits.packet_size(settings.header_size);
        let state = Arc::new(served.state);
        let calls = Arc::new(Semaphore::new(limits.calls_in_flight));
        let serving = Arc::new(Serving {
            functions: served.functions,
            state: state.clone(),
            settings: limits.streams(),
            permits: calls.clone(),
            counters: rpc::serving::Counters::default(),
            credentials: doorkeeping.credentials,
            pipeline: doorkeeping.pipeline,
            #[cfg(feature = "sealed")]
            seal: doorkeeping.seal.map(rpc::serving::Seal::Any),
            #[cfg(feature = "metrics")]
            metrics: served.metrics,
        });
        Self {
            table: served.table,
            state,
            serving,
            framing: Framing::new(settings.header_size, settings.byte_order, max),
            encoding: settings.encoding,
            sessions: Arc::default(),
            admission: Admission::new(&limits),
            bans: Bans::new(limits.bans),
            guards: doorkeeping.guards,
            session_hooks,
            calls,
            counters: Counters::default(),
            stopping: watch::Sender::new(false),
            cutting: watch::Sender::new(false),
            limits,
        }
    }

    /// A session's shared part, not yet entered.
    pub(crate) fn session(
        &self,
        address: Address,
        #[cfg(feature = "tls")] identity: Option<Arc<Identity>>,
    ) -> Arc<Core> {
        Arc::new(Core::new(
            address,
            #[cfg(feature = "tls")]
            identity,
            self.framing,
            self.encoding,
            Outbox::new(self.limits.output_soft, self.limits.output_hard),
            Arc::downgrade(&self.sessions),
        ))
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Tells all connections that nobody waits for them any more.
    pub(super) fn cut(&self) {
        self.cutting.send_replace(true);
        self.sessions.for_each(|core| core.advance(Phase::Cut));
    }

    /// Waits until connections are cut.
    pub(super) async fn until_cut(&self) {
        // An error would mean that the sender is gone, which is here.
        let _ = self.cutting.subscribe().wait_for(|cutting| *cutting).await;
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("table", &self.table).finish_non_exhaustive()
    }
}
