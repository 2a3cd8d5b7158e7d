use std::time::Duration;

use super::FOR_EVER;
use crate::error::{Error, Result};

/// When a server, or one function of a server, is left alone for a while.
///
/// A breaker is *closed* while all is well. It *opens* after so many failures in a row, or when of the calls since the
/// first failure (within the [`window`](Self::window)) too great a part has failed. While it is open no call goes there:
/// another server takes it, or it fails at once with `ERR_UNAVAILABLE`. After a [`pause`](Self::pause) it is *half open*:
/// a few calls go through as [`probes`](Self::probes); if all are answered it closes, if one fails it opens again, and if
/// they are neither within as long a pause, others go through.
///
/// A failure is: the server was unavailable or the connection was lost, the call timed out, the server was overloaded. An
/// error of the application is an answer like any other. Streams and channels count like calls, by how they end. A probe
/// among them is answered with its first item; one that has given items and is then given up, or reaches its deadline,
/// was answered.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::client::{Breaker, RpcClient};
///
/// let patient = Breaker::default().consecutive(20).pause(Duration::from_secs(1));
/// let client = RpcClient::builder().server("127.0.0.1:1500").server_breaker(patient);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    pub(super) window: Duration,
    pub(super) min_calls: u32,
    pub(super) ratio: f64,
    pub(super) consecutive: u32,
    pub(super) pause: Duration,
    pub(super) probes: u32,
}

impl Default for Breaker {
    /// Opens after 10 failures in a row, or if half of at least 20 calls within 10 s failed; half open after 5 s, with 2
    /// probes.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            min_calls: 20,
            ratio: 0.5,
            consecutive: 10,
            pause: Duration::from_secs(5),
            probes: 2,
        }
    }
}

impl Breaker {
    /// The time over which calls are counted, 10 s by default.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Below so many calls within the window the ratio says nothing, 20 by default.
    #[must_use]
    pub fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = calls;
        self
    }

    /// The part of failed calls at which it opens, 0.5 by default; above 0, up to 1.
    #[must_use]
    pub fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// So many failures in a row open it, each within the window's time of the one before; 10 by default.
    #[must_use]
    pub fn consecutive(mut self, failures: u32) -> Self {
        self.consecutive = failures;
        self
    }

    /// How long it stays open, 5 s by default.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause.min(FOR_EVER);
        self
    }

    /// How many calls go through while it is half open, 2 by default.
    #[must_use]
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }

    /// # Errors
    /// [`Error::Config`] names the setting that is none; `of` is the breaker's own name.
    pub(super) fn check(&self, of: &str) -> Result<()> {
        let wrong = |what: &str| Err(Error::Config(format!("{of}: {what}")));
        if !(self.ratio > 0.0 && self.ratio <= 1.0) {
            return wrong("ratio must be above 0 and at most 1");
        }
        if self.window.is_zero() {
            return wrong("window must be more than nothing");
        }
        if self.consecutive == 0 || self.min_calls == 0 {
            return wrong("consecutive and min_calls must be 1 or more");
        }
        if self.probes == 0 {
            return wrong("probes must be 1 or more: it would never close again");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong() {
        for (breaker, what) in [
            (Breaker::default().ratio(0.0), "ratio"),
            (Breaker::default().ratio(f64::NAN), "ratio"),
            (Breaker::default().window(Duration::ZERO), "window"),
            (Breaker::default().consecutive(0), "consecutive"),
            (Breaker::default().min_calls(0), "min_calls"),
            (Breaker::default().probes(0), "probes"),
        ] {
            let error = breaker.check("server_breaker").unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("server_breaker"), "{error}");
        }
        assert!(Breaker::default().check("server_breaker").is_ok());
    }
}
