use std::time::Duration;

use super::circuits::Breakers;
use super::{Backoff, Balance, FOR_EVER, Retry};
use crate::error::{Error, Result};
use crate::wire::{ByteOrder, Encoding, Framing, HeaderSize};

/// What a client of several servers goes by; [`RpcClientBuilder`](super::RpcClientBuilder) says what each is for.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) balance: Balance,
    pub(super) min_connections: usize,
    pub(super) max_connections: usize,
    pub(super) busy_at: u32,
    pub(super) idle_timeout: Duration,
    pub(super) max_sessions: usize,
    pub(super) backoff: Backoff,
    pub(super) breakers: Breakers,
    pub(super) retry: Retry,
    /// What was asked for; see [`keepalive`](Self::keepalive).
    pub(super) keepalive: Option<Duration>,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) wait: Duration,
    pub(super) max_waiting: usize,
    pub(super) encoding: Encoding,
    pub(super) header_size: HeaderSize,
    pub(super) byte_order: ByteOrder,
    pub(super) max_packet_size: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let framing = Framing::default();
        Self {
            balance: Balance::default(),
            min_connections: 1,
            max_connections: 4,
            busy_at: 64,
            idle_timeout: Duration::from_secs(60),
            max_sessions: 64,
            backoff: Backoff::default(),
            breakers: Breakers::default(),
            retry: Retry::default(),
            keepalive: None,
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            wait: Duration::from_secs(2),
            max_waiting: 1_024,
            encoding: Encoding::ZiProto,
            header_size: framing.header_size(),
            byte_order: framing.byte_order(),
            max_packet_size: framing.max_packet_size(),
        }
    }
}

/// The bounds of the interval of pings where nothing is said of it.
const KEEPALIVE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));

/// The most connections to one server.
const MOST_CONNECTIONS: usize = 256;

impl Settings {
    /// The interval of pings. A connection is lost after three of them: by default before its calls are late, so that
    /// there is time to make them elsewhere.
    pub(super) fn keepalive(&self) -> Duration {
        self.keepalive.unwrap_or((self.timeout / 4).clamp(KEEPALIVE.0, KEEPALIVE.1))
    }

    /// # Errors
    /// [`Error::Config`] names the first setting that is none.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::Config(what));
        if self.max_connections == 0 || self.max_connections > MOST_CONNECTIONS {
            return wrong(format!("max_connections must be from 1 to {MOST_CONNECTIONS}"));
        }
        if self.min_connections == 0 || self.min_connections > self.max_connections {
            return wrong(format!(
                "min_connections must be from 1 to max_connections, {}",
                self.max_connections
            ));
        }
        if self.busy_at == 0 {
            return wrong("busy_at must be 1 or more".to_owned());
        }
        for (name, time) in [
            ("timeout", self.timeout),
            ("connect_timeout", self.connect_timeout),
            ("keepalive", self.keepalive()),
            ("idle_timeout", self.idle_timeout),
        ] {
            if time.is_zero() {
                return wrong(format!("{name} must be more than nothing"));
            }
        }
        self.backoff.check()?;
        self.retry.check()?;
        self.breakers.server.check("server_breaker")?;
        self.breakers.function.check("function_breaker")
    }
}

/// A time that can be added to any moment.
pub(super) fn bounded(time: Duration) -> Duration {
    time.min(FOR_EVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_noticed_before_calls_are_late() {
        let keepalive = |timeout: u64| {
            Settings { timeout: Duration::from_millis(timeout), ..Settings::default() }
                .keepalive()
                .as_millis()
        };
        assert_eq!([100, 4_000, 60_000, 600_000].map(keepalive), [500, 1_000, 15_000, 20_000]);
        let asked = Duration::from_millis(70);
        assert_eq!(Settings { keepalive: Some(asked), ..Settings::default() }.keepalive(), asked);
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(Settings::default().check().is_ok());
        type Change = fn(&mut Settings);
        let wrong: [(Change, &str); 6] = [
            (|settings| settings.max_connections = 0, "max_connections"),
            (|settings| settings.min_connections = 5, "from 1 to max_connections, 4"),
            (|settings| settings.busy_at = 0, "busy_at"),
            (|settings| settings.keepalive = Some(Duration::ZERO), "keepalive"),
            (|settings| settings.retry = Retry::default().attempts(0), "attempts"),
            (
                |settings| settings.breakers.function = settings.breakers.function.clone().probes(0),
                "function_breaker",
            ),
        ];
        for (change, what) in wrong {
            let mut settings = Settings::default();
            change(&mut settings);
            let error = settings.check().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
