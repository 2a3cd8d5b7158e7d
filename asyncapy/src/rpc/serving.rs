use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::settings::Settings;
use super::table::Functions;
use crate::error::Code;
use crate::handler::{Client, StateMap};
use crate::mux::TARGETS;
use crate::wire::v3::{Hello, PeerLimits};

/// What all V3 connections of a side share: what it serves and within which bounds.
pub(crate) struct Serving {
    pub(crate) functions: Functions,
    pub(crate) state: Arc<StateMap>,
    pub(crate) settings: Settings,
    /// Calls that wait for something hold one permit each.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) counters: Counters,
    /// Looks at the HELLO of the other side; where there is one, nothing is called before it.
    pub(crate) admit: Option<Admit>,
    /// Where calls are counted that are refused before they begin.
    #[cfg(feature = "metrics")]
    pub(crate) metrics: Option<super::Metrics>,
}

/// Nothing, within the default bounds.
impl Default for Serving {
    fn default() -> Self {
        Self {
            functions: Functions::default(),
            state: Arc::default(),
            settings: Settings::default(),
            permits: Arc::new(Semaphore::new(CALLS)),
            counters: Counters::default(),
            admit: None,
            #[cfg(feature = "metrics")]
            metrics: None,
        }
    }
}

/// Calls that a side runs at once if nothing else is said.
const CALLS: usize = 8_192;

/// Says whether a HELLO will do.
pub(crate) type Admit = Box<dyn Fn(&Hello, &Client) -> Result<(), Code> + Send + Sync>;

impl Serving {
    /// What we say of ourselves.
    pub(crate) fn hello(&self, packet_size: u32) -> Hello {
        let limits = PeerLimits {
            packet_size: Some(packet_size),
            head_size: u32::try_from(self.settings.head_size).ok(),
            streams: u32::try_from(self.settings.streams).ok(),
            targets: Some(TARGETS.into()),
            ping_interval: u32::try_from(self.settings.ping_interval.as_millis()).ok(),
        };
        Hello { agent: Some(AGENT.to_owned()), limits, ..Hello::default() }
    }
}

/// Who speaks.
pub(crate) const AGENT: &str = concat!("asyncapy/", env!("CARGO_PKG_VERSION"));

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: AtomicU64,
    pub(crate) panics: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
