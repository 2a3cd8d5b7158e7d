use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

use super::{Limits, shared::Shared};
use crate::handler::subject;

/// Who may connect: so many in all, so many from one address, so many new ones a second.
#[derive(Debug)]
pub(crate) struct Admission {
    most: usize,
    most_per_address: usize,
    /// New connections of one address a second; also how many may come at once.
    rate: f64,
    open: AtomicUsize,
    /// Refused connections that are being told so.
    refusing: AtomicUsize,
    addresses: Mutex<HashMap<IpAddr, Seen>>,
    /// Tells that the last connection has gone.
    empty: Notify,
}

/// How many connections there were when one was counted in, itself among them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    pub(super) all: usize,
    /// Of its address; 0 where it has none.
    pub(super) of_address: usize,
}

/// What is remembered of an address, while it has connections and for a second after.
#[derive(Debug)]
struct Seen {
    open: usize,
    /// New connections that it may still open.
    tokens: f64,
    refilled: Instant,
}

/// Addresses are forgotten when there are more than this, and they have nothing open.
const REMEMBER: usize = 1024;
/// So many refused clients are told at once; the rest are closed without a word, since telling costs a task each.
const TELL: usize = 64;

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.connections,
            most_per_address: limits.connections_per_address,
            rate: f64::from(limits.new_connections_per_address),
            open: AtomicUsize::new(0),
            refusing: AtomicUsize::new(0),
            addresses: Mutex::default(),
            empty: Notify::new(),
        }
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<IpAddr, Seen>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Waits until no connection is open.
    pub(crate) async fn emptied(&self) {
        loop {
            let empty = self.empty.notified();
            if self.open() == 0 {
                return;
            }
            empty.await;
        }
    }

    fn count_out(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.empty.notify_waiters();
        }
    }

    /// Counts a connection in, or says no. Only one that is `new` counts towards the rate.
    fn enter(&self, address: Option<IpAddr>, new: bool) -> Option<Standing> {
        let entered = self
            .open
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |open| (open < self.most).then_some(open + 1));
        let all = entered.ok()? + 1;
        let Some(address) = address else { return Some(Standing { all, of_address: 0 }) };
        let of_address = self.enter_address(subject(address), new);
        if of_address.is_none() {
            self.count_out();
        }
        Some(Standing { all, of_address: of_address? })
    }

    /// How many connections the address has with it.
    fn enter_address(&self, address: IpAddr, new: bool) -> Option<usize> {
        let now = Instant::now();
        let mut addresses = self.addresses();
        if addresses.len() > REMEMBER && !addresses.contains_key(&address) {
            addresses.retain(|_, seen| seen.open > 0 || now - seen.refilled < Duration::from_secs(1));
        }
        let seen = addresses.entry(address).or_insert(Seen { open: 0, tokens: self.rate, refilled: now });
        seen.tokens = (seen.tokens + (now - seen.refilled).as_secs_f64() * self.rate).min(self.rate);
        seen.refilled = now;
        let token = if new { 1.0 } else { 0.0 };
        if seen.open >= self.most_per_address || seen.tokens < token {
            return None;
        }
        seen.tokens -= token;
        seen.open += 1;
        Some(seen.open)
    }

    /// Counts one in that is told why it is refused, if there is room.
    fn enter_refused(&self) -> bool {
        let entered = self.refusing.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |refusing| {
            (refusing < TELL).then_some(refusing + 1)
        });
        entered.is_ok()
    }

    fn leave(&self, address: Option<IpAddr>) {
        if let Some(address) = address
            && let Some(seen) = self.addresses().get_mut(&subject(address))
        {
            seen.open = seen.open.saturating_sub(1);
        }
        self.count_out();
    }
}

/// A connection that was counted in; counted out when dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    shared: Arc<Shared>,
    address: Option<IpAddr>,
    pub(super) standing: Standing,
    refused: bool,
}

impl Admitted {
    /// Counts a connection in. `Err` holds the place of one that is refused, where there is room to tell it so.
    pub(crate) fn enter(shared: &Arc<Shared>, address: Option<IpAddr>) -> Result<Self, Option<Self>> {
        let place = |standing, refused| Self { shared: shared.clone(), address, standing, refused };
        if let Some(standing) = shared.admission.enter(address, true) {
            return Ok(place(standing, false));
        }
        Err(shared.admission.enter_refused().then(|| place(Standing::default(), true)))
    }

    /// Counts in somebody whose connection is not ours to count: one request of it.
    #[cfg(feature = "gateway")]
    pub(super) fn enter_request(shared: &Arc<Shared>, address: Option<IpAddr>) -> Option<Self> {
        let standing = shared.admission.enter(address, false)?;
        Some(Self { shared: shared.clone(), address, standing, refused: false })
    }

    /// Leaves the place to others; false if there is no room to tell the client so.
    pub(crate) fn give_up(&mut self) -> bool {
        if !self.refused && self.shared.admission.enter_refused() {
            self.shared.admission.leave(self.address);
            self.refused = true;
        }
        self.refused
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.refused {
            self.shared.admission.refusing.fetch_sub(1, Ordering::AcqRel);
        } else {
            self.shared.admission.leave(self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(most: usize, per_address: usize, rate: u32) -> Admission {
        let limits = Limits {
            connections: most,
            connections_per_address: per_address,
            new_connections_per_address: rate,
            ..Limits::default()
        };
        Admission::new(&limits)
    }

    fn enters(admission: &Admission, address: Option<IpAddr>) -> bool {
        admission.enter(address, true).is_some()
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn counts_in_and_out() {
        let admission = admission(3, 2, 100);
        assert!(enters(&admission, ip("10.0.0.1")) && enters(&admission, ip("10.0.0.1")));
        assert!(!enters(&admission, ip("10.0.0.1")), "the third of one address");
        assert!(enters(&admission, ip("10.0.0.2")));
        assert!(!enters(&admission, ip("10.0.0.3")), "the fourth in all");
        assert!(!enters(&admission, None));
        admission.leave(ip("10.0.0.1"));
        assert!(enters(&admission, None));
        assert_eq!(admission.open(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn new_ones_come_at_a_rate() {
        let admission = admission(1000, 1000, 4);
        let burst = (0..10).filter(|_| enters(&admission, ip("10.0.0.1"))).count();
        assert_eq!(burst, 4);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((0..10).filter(|_| enters(&admission, ip("10.0.0.1"))).count(), 2);
        assert!(enters(&admission, ip("10.0.0.2")), "another address has a rate of its own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_its_ipv6_network() {
        let admission = admission(10, 1, 10);
        assert!(enters(&admission, ip("fd00::1")));
        assert!(!enters(&admission, ip("fd00::2")));
        assert!(enters(&admission, ip("fd00:0:0:1::1")));
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_forgotten() {
        let admission = admission(usize::MAX, 10, 10);
        for low in 0..3 * REMEMBER {
            let address = Some(IpAddr::V4(std::net::Ipv4Addr::from_bits(low as u32)));
            assert!(enters(&admission, address));
            admission.leave(address);
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(admission.addresses().len() <= REMEMBER + 1, "{}", admission.addresses().len());
    }
}
