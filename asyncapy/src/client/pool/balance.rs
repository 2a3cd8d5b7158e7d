use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::load::Load;
use super::random::Random;

/// How calls are spread over the servers. Each way heeds the servers' weights, and passes over those that are not
/// connected or whose [breaker](super::Breaker) is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// In turn, the turns of a heavier server spread evenly among those of the others. The default.
    #[default]
    RoundRobin,
    /// By chance.
    Random,
    /// Of two servers picked by chance, the one where a call costs less: calls under way by the latency of its answers
    /// by its weight. It costs to read the clock twice a call, and is worth it where servers or calls differ.
    LeastLoaded,
}

/// Chooses servers.
#[derive(Debug)]
pub(super) struct Balancer {
    balance: Balance,
    random: Random,
    /// Held while a turn is given: who has had one is known to all the next time.
    turn: Mutex<()>,
}

/// What can be chosen.
pub(super) trait Candidate {
    fn load(&self) -> &Load;
}

/// The latency of a server of which nothing is known, if nothing is known of the other one either, in nanoseconds.
const USUAL_LATENCY: f64 = 1e6;

impl Balancer {
    pub(super) fn new(balance: Balance, random: Random) -> Self {
        Self { balance, random, turn: Mutex::new(()) }
    }

    /// Whether the latency of answers is of interest.
    pub(super) fn measures(&self) -> bool {
        self.balance == Balance::LeastLoaded
    }

    /// One of the servers that are `usable`. `now` is the time since the pool began.
    pub(super) fn choose<'a, C: Candidate>(
        &self,
        servers: &'a [Arc<C>],
        usable: impl Fn(&C) -> bool,
        now: impl FnOnce() -> Duration,
    ) -> Option<&'a Arc<C>> {
        if let [only] = servers {
            return usable(only).then_some(only);
        }
        match self.balance {
            Balance::RoundRobin => self.in_turn(servers, usable),
            Balance::Random => self.by_chance(servers, usable),
            Balance::LeastLoaded => self.least_loaded(servers, usable, now),
        }
    }

    /// Each server is owed its weight at each turn; who is owed the most has the turn and pays for all.
    fn in_turn<'a, C: Candidate>(
        &self,
        servers: &'a [Arc<C>],
        usable: impl Fn(&C) -> bool,
    ) -> Option<&'a Arc<C>> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut total, mut best) = (0, None);
        for server in servers.iter().filter(|server| usable(server)) {
            let load = server.load();
            let weight = i64::from(load.weight());
            let owed = load.owed.load(Ordering::Relaxed) + weight;
            load.owed.store(owed, Ordering::Relaxed);
            total += weight;
            if best.is_none_or(|(most, _)| owed > most) {
                best = Some((owed, server));
            }
        }
        let (owed, server) = best?;
        server.load().owed.store(owed - total, Ordering::Relaxed);
        drop(turn);
        Some(server)
    }

    fn by_chance<'a, C: Candidate>(
        &self,
        servers: &'a [Arc<C>],
        usable: impl Fn(&C) -> bool,
    ) -> Option<&'a Arc<C>> {
        let total = servers.iter().filter(|server| usable(server)).map(|server| weight(server)).sum();
        let mut left = self.random.below(total);
        let mut last = None;
        for server in servers.iter().filter(|server| usable(server)) {
            if left < weight(server) {
                return Some(server);
            }
            left -= weight(server);
            last = Some(server);
        }
        // Who was usable at the first look may not be at the second; any will do then.
        last
    }

    fn least_loaded<'a, C: Candidate>(
        &self,
        servers: &'a [Arc<C>],
        usable: impl Fn(&C) -> bool,
        now: impl FnOnce() -> Duration,
    ) -> Option<&'a Arc<C>> {
        let count = servers.iter().filter(|server| usable(server)).count() as u64;
        let first = self.random.below(count);
        let second = match count {
            0 => return None,
            1 => first,
            // Any but the first.
            _ => (first + 1 + self.random.below(count - 1)) % count,
        };
        let (mut one, mut other) = (None, None);
        for (at, server) in (0..).zip(servers.iter().filter(|server| usable(server))) {
            if at == first {
                one = Some(server);
            } else if at == second {
                other = Some(server);
            }
        }
        let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
        let now = now();
        // A server that is new is taken to be as fast as the other: the calls under way decide.
        let usual = one.load().latency(now).or(other.load().latency(now)).unwrap_or(USUAL_LATENCY);
        let cheaper = one.load().cost(now, usual) <= other.load().cost(now, usual);
        Some(if cheaper { one } else { other })
    }
}

fn weight(server: &Arc<impl Candidate>) -> u64 {
    u64::from(server.load().weight())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Server {
        name: usize,
        load: Load,
    }

    impl Candidate for Server {
        fn load(&self) -> &Load {
            &self.load
        }
    }

    fn servers(weights: &[u32]) -> Vec<Arc<Server>> {
        let server = |(name, weight): (usize, &u32)| Arc::new(Server { name, load: Load::new(*weight) });
        weights.iter().enumerate().map(server).collect()
    }

    fn counts(balancer: &Balancer, servers: &[Arc<Server>], calls: usize, without: usize) -> Vec<usize> {
        let mut counts = vec![0; 8];
        for _ in 0..calls {
            let usable = |server: &Server| server.name != without;
            counts[balancer.choose(servers, usable, || Duration::ZERO).unwrap().name] += 1;
        }
        counts.truncate(servers.len());
        counts
    }

    const ALL: usize = usize::MAX;

    #[test]
    fn turns_are_spread_smoothly() {
        let balancer = Balancer::new(Balance::RoundRobin, Random::seeded(1));
        let servers = servers(&[4, 1, 1]);
        let turns: Vec<_> =
            (0..12).map(|_| balancer.choose(&servers, |_| true, || Duration::ZERO).unwrap().name).collect();
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 2, 0]);
    }

    #[test]
    fn servers_come_and_go_without_a_new_start() {
        let balancer = Balancer::new(Balance::RoundRobin, Random::seeded(1));
        let mut some = servers(&[1, 1, 1]);
        let gone = some.pop().unwrap();
        assert_eq!(counts(&balancer, &some, 101, ALL), [51, 50]);
        some.push(gone);
        // Who comes is owed no more than its share.
        assert_eq!(counts(&balancer, &some, 300, ALL), [100, 100, 100]);
        assert_eq!(counts(&balancer, &some, 100, 0), [0, 50, 50]);
        some[1].load.set_weight(3);
        let shares = counts(&balancer, &some, 500, ALL);
        assert!((299..=301).contains(&shares[1]), "{shares:?}");
    }

    #[test]
    fn chance_heeds_the_weights() {
        let balancer = Balancer::new(Balance::Random, Random::seeded(2));
        let some = servers(&[1, 2, 7]);
        let shares = counts(&balancer, &some, 10_000, ALL);
        for (share, expected) in shares.iter().zip([1_000_usize, 2_000, 7_000]) {
            assert!(share.abs_diff(expected) < 150, "{shares:?}");
        }
        let shares = counts(&balancer, &some, 3_000, 2);
        assert!(shares[2] == 0 && shares[0].abs_diff(1_000) < 100, "{shares:?}");
    }

    #[test]
    fn the_least_loaded_of_two_is_taken() {
        let balancer = Balancer::new(Balance::LeastLoaded, Random::seeded(3));
        let some = servers(&[1, 1, 1, 1]);
        let (now, ms) = (Duration::from_secs(1), Duration::from_millis(1));
        some.iter().for_each(|server| server.load.measure(ms, now));
        (0..50).for_each(|_| some[0].load.measure(10 * ms, now));
        let mut shares = [0_usize; 4];
        for _ in 0..6_000 {
            shares[balancer.choose(&some, |_| true, || now).unwrap().name] += 1;
        }
        assert_eq!(shares[0], 0, "it loses each comparison");
        assert!(shares[1..].iter().all(|share| share.abs_diff(2_000) < 200), "{shares:?}");
    }

    /// Calls that stay under way: the load itself keeps the weights.
    #[test]
    fn calls_under_way_are_spread_by_weight() {
        let balancer = Balancer::new(Balance::LeastLoaded, Random::seeded(4));
        let some = servers(&[1, 3]);
        for _ in 0..400 {
            balancer.choose(&some, |_| true, || Duration::ZERO).unwrap().load.enter();
        }
        assert!(some[0].load.in_flight().abs_diff(100) <= 1, "{}", some[0].load.in_flight());
    }

    #[test]
    fn nobody_usable_is_nobody_chosen() {
        for balance in [Balance::RoundRobin, Balance::Random, Balance::LeastLoaded] {
            let balancer = Balancer::new(balance, Random::seeded(5));
            for some in [&servers(&[])[..], &servers(&[1]), &servers(&[1, 1])] {
                assert!(balancer.choose(some, |_| false, || Duration::ZERO).is_none());
            }
            assert_eq!(counts(&balancer, &servers(&[1, 1, 1]), 10, 1)[1], 0);
        }
    }
}
