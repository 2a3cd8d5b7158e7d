//! Whole servers over TCP: requests a second, and what a request costs the server in CPU time.

use asyncapy::wire::Encoding;

use crate::Effort;
use crate::figures::{compare, percentile, verdict};
use crate::load::{Load, Shape};
use crate::server::Server;

/// Of the hand-written loop's throughput, at least; of its CPU time, at most.
const THROUGHPUT: f64 = 0.90;
const CPU: f64 = 1.12;

struct Contender<'a> {
    server: &'a Server,
    load: Load,
    latencies: Vec<u32>,
}

impl<'a> Contender<'a> {
    fn new(server: &'a Server, shape: Shape, encoding: Encoding) -> Self {
        Self { server, load: Load::connect(server.address, shape, encoding), latencies: Vec::new() }
    }

    /// Requests a second, and CPU time a request in nanoseconds.
    fn round(&mut self, effort: Effort) -> (f64, f64) {
        let before = self.server.cpu();
        let outcome = self.load.round(effort.round);
        let spent = self.server.cpu() - before;
        self.latencies.extend(outcome.latencies);
        let requests = outcome.requests as f64;
        (requests / outcome.took.as_secs_f64(), spent as f64 / requests)
    }

    /// The median and the 99th percentile in microseconds.
    fn latency(mut self) -> String {
        self.latencies.sort_unstable();
        let micros = |percent| f64::from(percentile(&self.latencies, percent)) / 1000.0;
        format!("{:.0}/{:.0}", micros(50), micros(99))
    }
}

pub fn run(effort: Effort) {
    println!("Echo over TCP: asyncapy against a hand-written tokio loop, one thread each");
    println!(
        "{:<29}{:>9}{:>9}{:>7}{:>9}{:>9}{:>7}{:>12}{:>12}",
        "", "req/s", "by hand", "ratio", "cpu ns", "by hand", "ratio", "p50/p99 us", "by hand"
    );
    for (kind, encodings) in [("typed", &[Encoding::Json, Encoding::ZiProto][..]), ("raw", &[Encoding::Json])]
    {
        let ours = Server::start(&format!("asyncapy-{kind}"));
        let theirs = Server::start(&format!("by-hand-{kind}"));
        for &encoding in encodings {
            for (connections, in_flight) in [(1, 64), (32, 8)] {
                let name = format!("{kind} {encoding}, {connections} x {in_flight}");
                row(
                    &name,
                    kind == "typed",
                    &ours,
                    &theirs,
                    Shape { connections, in_flight },
                    encoding,
                    effort,
                );
            }
        }
    }
    println!("targets for typed echo: throughput >= {THROUGHPUT:.2}, CPU <= {CPU:.2} of the loop's\n");
}

fn row(
    name: &str,
    judged: bool,
    ours: &Server,
    theirs: &Server,
    shape: Shape,
    encoding: Encoding,
    effort: Effort,
) {
    let mut ours = Contender::new(ours, shape, encoding);
    let mut theirs = Contender::new(theirs, shape, encoding);
    let warm_up = Effort { round: effort.round / 4, ..effort };
    ours.round(warm_up);
    theirs.round(warm_up);
    ours.latencies.clear();
    theirs.latencies.clear();
    let (mut throughput, mut cpu) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        let (mine, other) = if round % 2 == 0 {
            let first = ours.round(effort);
            (first, theirs.round(effort))
        } else {
            let first = theirs.round(effort);
            (ours.round(effort), first)
        };
        throughput.push((mine.0, other.0));
        cpu.push((mine.1, other.1));
    }
    let (rate, hand_rate, rate_ratio) = compare(&throughput);
    let (spent, hand_spent, cpu_ratio) = compare(&cpu);
    let verdict = if judged { verdict(rate_ratio >= THROUGHPUT && cpu_ratio <= CPU) } else { "" };
    println!(
        "{name:<29}{rate:>9.0}{hand_rate:>9.0}{rate_ratio:>7.2}{spent:>9.0}{hand_spent:>9.0}{cpu_ratio:>7.2}{:>12}{:>12}  {verdict}",
        ours.latency(),
        theirs.latency(),
    );
}
