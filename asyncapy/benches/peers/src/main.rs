//! How fast calls are, side by side with other frameworks and with a loop written by hand.
//!
//! ```text
//! cd asyncapy/benches/peers
//! cargo run --release                      # every table: about three minutes
//! cargo run --release -- --quick           # the same, roughly: ten seconds
//! cargo run --release -- calls             # one kind of table: `calls`, `streams` or `sums`
//! cargo run --release -- asyncapy tarpc    # these systems alone
//! cargo run --release -- --threads 2       # threads that work on either side; one each unless said
//! ```
//!
//! It is a workspace of its own: whoever builds or tests the framework compiles none of its peers.
//!
//! A machine is never quiet, so the systems of a table take turns, and what is told is the median of the rounds, with
//! how far the middle half of them lies apart: where that is much more than a tenth, something else was running, and
//! the CPU times tell more than the rates. In brackets stands the median of the rounds' ratios to asyncapy's. The
//! client's side is this process, each server is one of its own; so the CPU time of either is its alone.
//!
//! - A call echoes [`order::Order`]: encoded, sent, decoded, encoded again, sent back, decoded, and compared. Callers are
//!   tasks with a clone of one client, who wait for each answer: as many as calls are in flight.
//! - A stream is received to its end, and then the next.
//! - A sum is one of ten thousand calls that are made at once. Each side has its own bound for how many of them are under
//!   way, and lets the others wait: about a thousand for every system here.
//!
//! asyncapy, [`systems::asyncapy`], has its defaults but for the bounds that the sums need. A hand loop is no framework:
//! `(raw)` is what the bytes cost without anybody who calls, `(gathering)` is the fastest that callers of one connection
//! get from a task that writes and one that reads, `(tasks)` is how such a client is usually written.
//!
//! [`systems`] are compared; [`system`] is what each of them brings; [`load`] makes the calls; [`process`] runs servers
//! and counts CPU time; [`tables`] says what is measured, [`table`] prints it, [`figures`] has the medians.

mod figures;
mod load;
mod order;
mod process;
mod system;
mod systems;
mod table;
mod tables;

use std::time::Duration;

use crate::system::System;
use crate::tables::Effort;

const FULL: Effort = Effort { rounds: 15, round: Duration::from_millis(500), threads: 1 };
const QUICK: Effort = Effort { rounds: 3, round: Duration::from_millis(100), threads: 1 };

/// Measures and prints.
type Table = fn(&[&System], Effort);

const TABLES: [(&str, Table); 3] =
    [("calls", tables::calls), ("streams", tables::streams), ("sums", tables::sums)];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, name, threads] = &arguments[..]
        && first == process::SERVE
    {
        let system = systems::ALL.iter().find(|system| system.name == name).unwrap();
        return process::serve(system, threads.parse().unwrap());
    }
    let mut effort = FULL;
    if let Some(at) = arguments.iter().position(|argument| argument == "--quick") {
        arguments.remove(at);
        effort = QUICK;
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "--threads") {
        arguments.remove(at);
        let threads = (at < arguments.len()).then(|| arguments.remove(at));
        match threads.as_deref().map(str::parse) {
            Some(Ok(threads @ 1..)) => effort.threads = threads,
            _ => stop("--threads needs a number, from 1 on"),
        }
    }
    let known = |name: &String| {
        TABLES.iter().any(|(table, _)| table == name) || systems::ALL.iter().any(|system| named(system, name))
    };
    if let Some(unknown) = arguments.iter().find(|name| !known(name)) {
        let systems: Vec<_> = systems::ALL.iter().map(|system| system.name).collect();
        stop(&format!(
            "{unknown:?} is neither a table (calls, streams, sums), nor a system ({}), nor --quick, nor --threads N",
            systems.join(", ")
        ));
    }
    let some = systems::ALL.iter().any(|system| arguments.iter().any(|name| named(system, name)));
    let systems: Vec<&System> = systems::ALL
        .iter()
        .filter(|system| !some || arguments.iter().any(|name| named(system, name)))
        .collect();
    let any = TABLES.iter().any(|(table, _)| arguments.iter().any(|name| name == table));
    introduce(effort);
    for (table, run) in TABLES {
        if !any || arguments.iter().any(|name| name == table) {
            run(&systems, effort);
        }
    }
}

/// Tells what the figures depend on.
fn introduce(effort: Effort) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let Effort { rounds, round, threads } = effort;
    println!("{}.", env!("PEERS"));
    println!(
        "{rounds} rounds of {} ms; threads that work on either side: {threads}; cores: {cores}, load before: {load}.\n",
        round.as_millis()
    );
}

/// Whether a system is meant by that: by its name or the beginning of it.
fn named(system: &System, name: &str) -> bool {
    !name.is_empty() && system.name.starts_with(name)
}

fn stop(reason: &str) -> ! {
    eprintln!("{reason}");
    std::process::exit(2);
}
