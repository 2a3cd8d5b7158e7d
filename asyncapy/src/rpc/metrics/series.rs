use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use crate::error::Code;
use crate::rpc::middleware::Meter;

/// Names of one side that are told apart.
const NAMES: usize = 1_024;

/// Codes of one name that are told apart.
const CODES: usize = 64;

/// What stands for all others.
const OTHER: &str = "other";

/// The upper ends of the histogram's buckets, in seconds.
const BUCKETS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Name {
    name: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NameAndCode {
    name: String,
    code: String,
}

/// What is counted of calls that come in, of those that go out, or of packets.
pub(super) struct Side {
    ended: Family<NameAndCode, Counter>,
    duration: Family<Name, Histogram, fn() -> Histogram>,
    in_flight: Family<Name, Gauge>,
    received: Family<Name, Counter>,
    sent: Family<Name, Counter>,
    /// One of each by name, so that a call looks for them once.
    by_name: RwLock<HashMap<Box<str>, Arc<Series>>>,
}

/// What is counted of one name.
pub(super) struct Series {
    name: String,
    good: Counter,
    bad: RwLock<HashMap<Code, Counter>>,
    duration: Histogram,
    in_flight: Gauge,
    received: Counter,
    sent: Counter,
}

impl Side {
    pub(super) fn new(side: &str, what: &str, registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix(side);
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let side = Self {
            ended: Family::default(),
            duration: Family::new_with_constructor(histogram),
            in_flight: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            by_name: RwLock::default(),
        };
        registry.register(format!("{what}s"), format!("{what}s that have ended"), side.ended.clone());
        let name = format!("{what}_duration");
        registry.register_with_unit(
            name,
            format!("How long a {what} takes"),
            Unit::Seconds,
            side.duration.clone(),
        );
        let name = format!("{what}s_in_flight");
        registry.register(name, format!("{what}s under way"), side.in_flight.clone());
        let name = format!("{what}_received");
        registry.register_with_unit(name, "Payloads that came", Unit::Bytes, side.received.clone());
        registry.register_with_unit(
            format!("{what}_sent"),
            "Payloads that went",
            Unit::Bytes,
            side.sent.clone(),
        );
        side
    }

    fn series(&self, name: &str) -> Arc<Series> {
        let known = self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.unwrap_or_else(|| self.new_series(name))
    }

    #[cold]
    fn new_series(&self, name: &str) -> Arc<Series> {
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        // The last place is for all others.
        let name = if by_name.len() < NAMES - 1 || by_name.contains_key(name) { name } else { OTHER };
        let series = || {
            let label = Name { name: name.to_owned() };
            let good = NameAndCode { name: name.to_owned(), code: "OK".to_owned() };
            Arc::new(Series {
                name: name.to_owned(),
                good: self.ended.get_or_create(&good).clone(),
                bad: RwLock::default(),
                duration: self.duration.get_or_create(&label).clone(),
                in_flight: self.in_flight.get_or_create(&label).clone(),
                received: self.received.get_or_create(&label).clone(),
                sent: self.sent.get_or_create(&label).clone(),
            })
        };
        by_name.entry(name.into()).or_insert_with(series).clone()
    }

    /// One has begun, and brings so many bytes.
    pub(super) fn begin(&self, name: &str, received: u64) -> Begun<'_> {
        let series = self.series(name);
        series.in_flight.inc();
        let begun = Begun { side: self, series, begun: Instant::now(), ended: false };
        begun.received(received);
        begun
    }

    /// One was refused before it could begin.
    pub(super) fn refused(&self, name: Option<&str>, code: &Code) {
        let series = self.series(name.unwrap_or(OTHER));
        self.failed(&series, code).inc();
    }

    fn failed(&self, series: &Series, code: &Code) -> Counter {
        let known = series.bad.read().unwrap_or_else(PoisonError::into_inner).get(code).cloned();
        known.unwrap_or_else(|| {
            let mut bad = series.bad.write().unwrap_or_else(PoisonError::into_inner);
            let other = Code::custom(OTHER);
            let code = if bad.len() < CODES - 1 || bad.contains_key(code) { code } else { &other };
            let labels = NameAndCode { name: series.name.clone(), code: code.as_str().to_owned() };
            bad.entry(code.clone()).or_insert_with(|| self.ended.get_or_create(&labels).clone()).clone()
        })
    }
}

/// One that is under way; dropped before its end, it was given up.
pub(super) struct Begun<'a> {
    side: &'a Side,
    series: Arc<Series>,
    begun: Instant,
    ended: bool,
}

impl Meter for Series {
    fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }
}

impl Begun<'_> {
    /// Who counts its bytes, also when it has ended.
    pub(super) fn meter(&self) -> Arc<dyn Meter> {
        self.series.clone()
    }

    /// So many bytes have come.
    pub(super) fn received(&self, bytes: u64) {
        self.series.received.inc_by(bytes);
    }

    /// It has ended, well or with this code, and so many bytes have gone.
    pub(super) fn end(mut self, code: Option<&Code>, sent: u64) {
        self.series.sent.inc_by(sent);
        self.close(code);
    }

    fn close(&mut self, code: Option<&Code>) {
        self.ended = true;
        self.series.in_flight.dec();
        self.series.duration.observe(self.begun.elapsed().as_secs_f64());
        match code {
            None => self.series.good.inc(),
            Some(code) => self.side.failed(&self.series, code).inc(),
        };
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let panics = std::thread::panicking();
            self.close(Some(&if panics { Code::HandlerPanicked } else { Code::custom("GIVEN_UP") }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_bounded() {
        let mut registry = Registry::default();
        let side = Side::new("server", "call", &mut registry);
        for number in 0..2 * NAMES {
            side.begin(&format!("name{number}"), 1).end(None, 1);
        }
        assert_eq!(side.by_name.read().unwrap().len(), NAMES);
        assert_eq!(side.series(OTHER).good.get() as usize, NAMES + 1);
        for number in 0..2 * CODES {
            side.refused(Some("name0"), &Code::from(&*format!("ERR_{number}")));
        }
        let series = side.series("name0");
        assert_eq!(series.bad.read().unwrap().len(), CODES);
        assert_eq!(side.failed(&series, &Code::custom("ERR_NEW")).get() as usize, CODES + 1);
    }
}
