//! What is measured: every system of a table takes its turn in each round.

use std::time::Duration;

use crate::figures::quantile;
use crate::load::{AT_ONCE, Load, Outcome, Shape};
use crate::process::{Server, own_cpu, runtime};
use crate::system::{Connect, Item, System};
use crate::table::{self, Column, Row};

/// How long and how often.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub round: Duration,
    /// Threads that work, on either side.
    pub threads: usize,
}

/// A round's outcome and what both sides spent on it, in nanoseconds.
struct Turn {
    outcome: Outcome,
    client: u64,
    server: u64,
}

impl Turn {
    fn rate(&self) -> f64 {
        self.outcome.count as f64 / self.outcome.took.as_secs_f64()
    }

    /// Microseconds for each call or item: the client's, the server's.
    fn cpu(&self) -> [f64; 2] {
        [self.client, self.server].map(|spent| spent as f64 / 1e3 / self.outcome.count as f64)
    }

    /// The latency that such a part of the calls did not reach, in microseconds.
    fn latencies<const N: usize>(&mut self, parts: [f64; N]) -> [f64; N] {
        self.outcome.latencies.sort_unstable();
        parts.map(|part| quantile(&self.outcome.latencies, part) / 1e3)
    }
}

/// Lets the systems take turns, and tells each one's rounds.
fn in_turns<S: Copy>(
    systems: &[&System],
    way: fn(&System) -> Option<Connect<S>>,
    setting: S,
    effort: Effort,
    figures: impl Fn(Turn) -> Vec<f64>,
) -> Vec<Row> {
    let runtime = runtime(effort.threads);
    let mut places = Vec::new();
    for system in systems {
        let Some(connect) = way(system) else { continue };
        let server = Server::start(system, effort.threads);
        // On the runtime's own threads, as the rounds are.
        let load = runtime.block_on(runtime.spawn(connect(server.address, setting))).unwrap();
        let row = Row { name: system.name.to_owned(), rounds: Vec::new() };
        places.push((server, load, row));
    }
    let one = |server: &Server, load: &mut Box<dyn Load>, lasting: Duration| {
        let (client, served) = (own_cpu(), server.cpu());
        let outcome = runtime.block_on(load.round(lasting));
        Turn { outcome, client: own_cpu() - client, server: server.cpu() - served }
    };
    for (server, load, _) in &mut places {
        one(server, load, effort.round / 2);
    }
    let count = places.len();
    for round in 0..effort.rounds {
        // Another one begins each time, so that nobody always comes after the same neighbour's heat.
        for at in 0..count {
            let (server, load, row) = &mut places[(round + at) % count];
            row.rounds.push(figures(one(server, load, effort.round)));
        }
    }
    places.into_iter().map(|(_, _, row)| row).collect()
}

const CALLS: [Column; 6] = [
    ("calls/s", 0),
    ("client CPU, us/call", 2),
    ("server CPU, us/call", 2),
    ("both, us/call", 2),
    ("p50, us", 1),
    ("p99, us", 1),
];

pub fn calls(systems: &[&System], effort: Effort) {
    for (title, connections, in_flight) in [
        ("1 connection, 1 call in flight", 1, 1),
        ("1 connection, 64 calls in flight", 1, 64),
        ("32 connections, 8 calls in flight on each", 32, 8),
    ] {
        let shape = Shape { connections, in_flight };
        let rows = in_turns(
            systems,
            |system| system.calls,
            shape,
            effort,
            |mut turn| {
                let [client, server] = turn.cpu();
                let [half, most] = turn.latencies([0.5, 0.99]);
                vec![turn.rate(), client, server, client + server, half, most]
            },
        );
        table::print(&format!("Calls: {title}"), &CALLS, &rows);
    }
}

const STREAMS: [Column; 5] = [
    ("items/s", 0),
    ("MB/s of content", 1),
    ("client CPU, us/item", 2),
    ("server CPU, us/item", 2),
    ("both, us/item", 2),
];

pub fn streams(systems: &[&System], effort: Effort) {
    for (title, item) in [("the payload of the calls", Item::Order), ("16 KiB of bytes", Item::Blob)] {
        let rows = in_turns(
            systems,
            |system| system.streams,
            item,
            effort,
            |turn| {
                let [client, server] = turn.cpu();
                let bytes = turn.outcome.bytes as f64 / 1e6 / turn.outcome.took.as_secs_f64();
                vec![turn.rate(), bytes, client, server, client + server]
            },
        );
        table::print(&format!("Server stream: each item {title}"), &STREAMS, &rows);
    }
}

/// The most that rap's own benchmark gave in some thirty batches on two cores like these, in calls a second.
///
/// rap publishes the program (its `example/benchmark`, the one with a single connection) and no figures, so this one is
/// ours: the same workload with rap 0.5.3.6 (the newest release that can be imported), uvloop and CPython 3.9, on a
/// machine that was busy besides. Its client spends about 370 us of CPU on a call, so that it cannot be far from it.
const RAP: f64 = 3_039.0;

pub fn sums(systems: &[&System], effort: Effort) {
    let mut rows = in_turns(
        systems,
        |system| system.sums,
        (),
        effort,
        |mut turn| {
            let [client, server] = turn.cpu();
            let [half, most] = turn.latencies([0.5, 0.99]);
            vec![turn.rate(), client, server, client + server, half, most]
        },
    );
    let mut quoted = vec![f64::NAN; CALLS.len()];
    quoted[0] = RAP;
    rows.push(Row { name: "rap 0.5.3.6 (Python; measured once, not now)".to_owned(), rounds: vec![quoted] });
    let title = format!("rap's own workload: {AT_ONCE} calls of sum(1, 2) at once, each sleeps for 10 ms");
    table::print(&title, &CALLS, &rows);
}
