use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::settings::Settings;
use super::table::Functions;
use crate::handler::StateMap;
use crate::mux::{Pipeline, Side, TARGETS};
use crate::security::ApiKeys;
#[cfg(feature = "sealed")]
use crate::security::{SealKey, SealKeys};
use crate::wire::v3::{Hello, PeerLimits};

/// What all V3 connections of a side share: what it serves and within which bounds.
pub(crate) struct Serving {
    pub(crate) functions: Functions,
    pub(crate) state: Arc<StateMap>,
    pub(crate) settings: Settings,
    /// Calls that wait for something hold one permit each.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) counters: Counters,
    /// The keys of which the other side must show one in its HELLO, before it may call.
    pub(crate) credentials: Option<ApiKeys>,
    /// What every connection does to payloads; it [seals](Pipeline::sealed) where there is a `seal`.
    pub(crate) pipeline: Pipeline,
    #[cfg(feature = "sealed")]
    pub(crate) seal: Option<Seal>,
    /// Where calls are counted that are refused before they begin.
    #[cfg(feature = "metrics")]
    pub(crate) metrics: Option<super::Metrics>,
}

/// The secrets to seal with.
#[cfg(feature = "sealed")]
#[derive(Debug)]
pub(crate) enum Seal {
    /// The connecting side's: with this one.
    With(SealKey),
    /// The accepting side's: with any of these.
    Any(SealKeys),
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
            credentials: None,
            pipeline: Pipeline::new(),
            #[cfg(feature = "sealed")]
            seal: None,
            #[cfg(feature = "metrics")]
            metrics: None,
        }
    }
}

/// Calls that a side runs at once if nothing else is said.
const CALLS: usize = 8_192;

impl Serving {
    /// Whether nothing but HELLO is taken before there was one.
    pub(crate) fn must_agree(&self, side: Side) -> bool {
        self.pipeline.is_sealed() || self.must_be_admitted(side)
    }

    /// Whether the other side must show who it is before it may call.
    pub(crate) fn must_be_admitted(&self, side: Side) -> bool {
        side == Side::Accepting && self.credentials.is_some()
    }

    /// What we say of ourselves.
    pub(crate) fn hello(&self, packet_size: u32) -> Hello {
        let limits = PeerLimits {
            packet_size: Some(packet_size),
            head_size: u32::try_from(self.settings.head_size).ok(),
            streams: u32::try_from(self.settings.streams).ok(),
            targets: Some(TARGETS.into()),
            ping_interval: u32::try_from(self.settings.ping_interval.as_millis()).ok(),
        };
        let features = [("zstd", self.pipeline.is_compressed()), ("sealed", self.pipeline.is_sealed())];
        let features = features.iter().filter(|(_, can)| *can).map(|(name, _)| (*name).to_owned()).collect();
        Hello { agent: Some(AGENT.to_owned()), limits, features, ..Hello::default() }
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
