use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Guard, Incoming, Refusal};
use crate::error::Code;

/// No more than so many connections from one address; one that keeps trying is perhaps banned.
///
/// [`Limits::connections_per_address`](crate::server::Limits::connections_per_address) limits them without a ban. What
/// an address has open is counted exactly and forgotten with its last connection. `ERR_TOO_MANY_CONNECTIONS`. Clients on
/// UNIX sockets have no address and are not limited.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::server::guard::AddressLimit;
///
/// // Ten connections. An address that is refused twenty times, with less than a minute between, stays out for an hour.
/// let limit = AddressLimit::new(10).ban_after(20, Duration::from_secs(60), Duration::from_secs(3600));
/// # asyncapy::Server::builder().connection_guard(limit);
/// ```
#[derive(Debug)]
pub struct AddressLimit {
    most: AtomicUsize,
    strikes: Option<Strikes>,
}

/// How often addresses were refused of late.
#[derive(Debug)]
struct Strikes {
    most: u32,
    forget: Duration,
    ban: Duration,
    hosts: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

/// More addresses than this are refused without being counted.
const REMEMBER: usize = 65_536;

impl AddressLimit {
    /// Refuses a connection when its address would have more than `most` with it.
    pub fn new(most: usize) -> Self {
        Self { most: AtomicUsize::new(most), strikes: None }
    }

    /// Bans an address for `ban` when it is refused for the `refusals`th time. What was counted is forgotten when it was
    /// not refused for the time `forget`.
    #[must_use]
    pub fn ban_after(mut self, refusals: u32, forget: Duration, ban: Duration) -> Self {
        self.strikes = Some(Strikes { most: refusals, forget, ban, hosts: Mutex::default() });
        self
    }

    /// Allows so many of an address from now on; those that are in stay.
    pub fn set(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    fn decide(&self, host: IpAddr, connections: usize) -> Result<(), Refusal> {
        if connections <= self.most.load(Ordering::Relaxed) {
            return Ok(());
        }
        let refusal = Refusal::new(Code::TooManyConnections);
        match self.strikes.as_ref().and_then(|strikes| strikes.count(host)) {
            Some(ban) => Err(refusal.ban_for(ban)),
            None => Err(refusal),
        }
    }
}

impl Strikes {
    /// Counts a refusal; a ban if it was the last that is borne.
    fn count(&self, host: IpAddr) -> Option<Duration> {
        let now = Instant::now();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= REMEMBER && !hosts.contains_key(&host) {
            hosts.retain(|_, (_, last)| now - *last < self.forget);
            if hosts.len() >= REMEMBER {
                return None;
            }
        }
        let (count, last) = hosts.entry(host).or_insert((0, now));
        *count = if now - *last < self.forget { count.saturating_add(1) } else { 1 };
        *last = now;
        if *count < self.most {
            return None;
        }
        hosts.remove(&host);
        Some(self.ban)
    }
}

impl Guard for AddressLimit {
    async fn admit(&self, incoming: &Incoming) -> Result<(), Refusal> {
        incoming.host().map_or(Ok(()), |host| self.decide(host, incoming.connections_of_address()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_keeps_trying_is_banned() {
        let second = Duration::from_secs(1);
        let limit = AddressLimit::new(2).ban_after(3, 60 * second, 3600 * second);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let ban = |host, connections| limit.decide(host, connections).unwrap_err().ban();
        assert!(limit.decide(one, 2).is_ok());
        assert_eq!((ban(one, 3), ban(one, 3)), (None, None));
        tokio::time::advance(60 * second).await;
        assert_eq!((ban(one, 3), ban(one, 3)), (None, None), "the first two were forgotten");
        assert_eq!(ban(other, 3), None);
        tokio::time::advance(59 * second).await;
        assert_eq!(ban(one, 3), Some(3600 * second));
        assert_eq!(ban(one, 3), None, "it begins anew");
        limit.set(3);
        assert!(limit.decide(one, 3).is_ok());
    }
}
