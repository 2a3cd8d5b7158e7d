use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::Arguments;
use super::histogram::Histogram;
use super::load::Seen;

/// What a load has shown.
pub(super) struct Summary {
    load: String,
    took: Duration,
    latency: Histogram,
    errors: BTreeMap<String, u64>,
}

/// The percentiles that are told.
const SHARES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

impl Summary {
    pub(super) fn new(arguments: &Arguments, bytes: usize, took: Duration, seen: &[Seen]) -> Self {
        let mut latency = Histogram::new();
        let mut errors = BTreeMap::new();
        for seen in seen {
            latency.merge(&seen.latency);
            for (error, count) in &seen.errors {
                *errors.entry(error.clone()).or_default() += count;
            }
        }
        let Arguments { connections, in_flight, link, .. } = arguments;
        let encoding = link.encoding().name();
        let load = format!(
            "{connections} connection(s), {in_flight} in flight on each, {bytes} bytes of {encoding}"
        );
        Self { load, took, latency, errors }
    }

    /// Whether a request failed, or none was answered.
    pub(super) fn has_failed(&self) -> bool {
        !self.errors.is_empty() || self.latency.count() == 0
    }

    fn per_second(&self) -> f64 {
        self.latency.count() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// For programs: times in microseconds.
    pub(super) fn json(&self) -> Value {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let mut latency: serde_json::Map<String, Value> = SHARES
            .iter()
            .map(|(name, share)| ((*name).to_owned(), micros(self.latency.quantile(*share)).into()))
            .collect();
        latency.insert("max".to_owned(), micros(self.latency.longest()).into());
        json!({
            "requests": self.latency.count(),
            "seconds": self.took.as_secs_f64(),
            "per_second": self.per_second(),
            "latency_us": latency,
            "errors": self.errors,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.load)?;
        writeln!(
            f,
            "requests  {} in {:.2?}, {:.0} a second",
            self.latency.count(),
            self.took,
            self.per_second()
        )?;
        write!(f, "latency ")?;
        for (name, share) in SHARES {
            write!(f, " {name} {:.1?} ", self.latency.quantile(share))?;
        }
        writeln!(f, " max {:.1?}", self.latency.longest())?;
        writeln!(f, "errors    {}", self.errors.values().sum::<u64>())?;
        // What a server says is shown with its control characters escaped.
        self.errors.iter().try_for_each(|(error, count)| writeln!(f, "  {count} x {}", error.escape_debug()))
    }
}
