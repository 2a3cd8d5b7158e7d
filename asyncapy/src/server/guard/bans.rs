use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::handler::subject;
use crate::server::Handle;
use crate::server::limits::FOR_EVER;

/// An address whose connections are closed as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ban {
    /// Whom it holds off: an IPv4 address, or the first address of an IPv6 host's /64 network.
    pub host: IpAddr,
    /// How long it still does.
    pub left: Duration,
}

/// Who is banned, and until when; no more than `most`, of which the oldest is let go.
#[derive(Debug)]
pub(in crate::server) struct Bans {
    most: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    hosts: HashMap<IpAddr, Entry>,
    /// The bans from the oldest to the newest.
    by_age: BTreeMap<u64, IpAddr>,
    /// The bans from the one that ends first, so that those which are over make room before any other.
    by_end: BTreeMap<(Instant, u64), IpAddr>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    until: Instant,
    number: u64,
}

impl Table {
    fn remove(&mut self, host: IpAddr) -> bool {
        let Some(entry) = self.hosts.remove(&host) else { return false };
        self.by_age.remove(&entry.number);
        self.by_end.remove(&(entry.until, entry.number));
        true
    }

    fn insert(&mut self, host: IpAddr, until: Instant) {
        let number = self.next;
        self.next += 1;
        self.hosts.insert(host, Entry { until, number });
        self.by_age.insert(number, host);
        self.by_end.insert((until, number), host);
    }

    fn forget_those_over(&mut self, now: Instant) {
        while let Some((&(until, _), &host)) = self.by_end.first_key_value()
            && until <= now
        {
            self.remove(host);
        }
    }
}

impl Bans {
    pub(in crate::server) fn new(most: usize) -> Self {
        Self { most, table: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bans an address from now on; a ban that it has already is replaced.
    pub(in crate::server) fn ban(&self, address: IpAddr, time: Duration) {
        let host = subject(address);
        let now = Instant::now();
        let mut table = self.lock();
        table.remove(host);
        if time.is_zero() {
            return;
        }
        if table.hosts.len() >= self.most {
            table.forget_those_over(now);
        }
        while table.hosts.len() >= self.most
            && let Some((_, &oldest)) = table.by_age.first_key_value()
        {
            table.remove(oldest);
        }
        table.insert(host, now + time.min(FOR_EVER));
    }

    pub(in crate::server) fn lift(&self, address: IpAddr) -> bool {
        let mut table = self.lock();
        table.forget_those_over(Instant::now());
        table.remove(subject(address))
    }

    /// Whether an address is banned now.
    pub(in crate::server) fn holds(&self, address: IpAddr) -> bool {
        let mut table = self.lock();
        if table.hosts.is_empty() {
            return false;
        }
        let host = subject(address);
        let Some(entry) = table.hosts.get(&host) else { return false };
        let holds = entry.until > Instant::now();
        if !holds {
            table.remove(host);
        }
        holds
    }

    fn list(&self) -> Vec<Ban> {
        let now = Instant::now();
        let mut table = self.lock();
        table.forget_those_over(now);
        table.by_age.values().map(|host| Ban { host: *host, left: table.hosts[host].until - now }).collect()
    }
}

impl Handle {
    /// The addresses that are banned now, the oldest ban first.
    pub fn bans(&self) -> Vec<Ban> {
        self.shared.bans.list()
    }

    /// Bans an address for a time: its connections are closed as they come, before any handshake and without a word. Those
    /// that it has stay. An IPv6 address stands for its /64 network.
    ///
    /// A ban that it has is replaced. There are no more than [`Limits::bans`](crate::server::Limits::bans) at once: the
    /// oldest is let go for a new one.
    pub fn ban(&self, address: IpAddr, time: Duration) {
        self.shared.bans.ban(address, time);
    }

    /// Lifts the ban of an address; false if it had none.
    pub fn unban(&self, address: IpAddr) -> bool {
        self.shared.bans.lift(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_passes() {
        let bans = Bans::new(10);
        bans.ban(ip("10.0.0.1"), Duration::from_secs(60));
        assert!(
            bans.holds(ip("10.0.0.1")) && bans.holds(ip("::ffff:10.0.0.1")) && !bans.holds(ip("10.0.0.2"))
        );
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(bans.list(), [Ban { host: ip("10.0.0.1"), left: Duration::from_secs(1) }]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!bans.holds(ip("10.0.0.1")) && bans.list().is_empty() && !bans.lift(ip("10.0.0.1")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_its_ipv6_network() {
        let bans = Bans::new(10);
        bans.ban(ip("fd00::1"), Duration::MAX);
        assert!(bans.holds(ip("fd00::2")) && !bans.holds(ip("fd00:0:0:1::1")));
        assert!(bans.lift(ip("fd00::3")) && bans.list().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn those_over_go_first_and_then_the_oldest() {
        let bans = Bans::new(3);
        bans.ban(ip("10.0.0.1"), Duration::from_secs(100));
        bans.ban(ip("10.0.0.2"), Duration::from_secs(1));
        bans.ban(ip("10.0.0.3"), Duration::from_secs(100));
        tokio::time::advance(Duration::from_secs(2)).await;
        bans.ban(ip("10.0.0.4"), Duration::from_secs(100));
        assert!(bans.holds(ip("10.0.0.1")), "the second was over");
        bans.ban(ip("10.0.0.5"), Duration::from_secs(100));
        let hosts: Vec<_> = bans.list().iter().map(|ban| ban.host).collect();
        assert_eq!(hosts, [ip("10.0.0.3"), ip("10.0.0.4"), ip("10.0.0.5")]);
        bans.ban(ip("10.0.0.3"), Duration::ZERO);
        assert_eq!(bans.list().len(), 2);
        let table = bans.lock();
        assert_eq!((table.by_age.len(), table.by_end.len()), (2, 2));
    }
}
