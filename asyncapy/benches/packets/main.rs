//! How fast packets are served, side by side with a loop written by hand for the one task at hand.
//!
//! `cargo bench -p asyncapy --bench packets` prints a table in about a minute and a half; `-- --quick` a rougher one in
//! ten seconds, `-- echo`, `dispatch`, `codec` or `idle` that part alone.
//!
//! A machine is never quiet, so everything that is compared runs in one go and takes turns; what is told is the median of
//! the rounds' ratios. Each server is a process of its own with a single thread, so that its CPU time is its alone.
//!
//! - [`echo`]: whole servers over TCP, against [`by_hand`]; [`load`] makes the requests, [`server`] the processes.
//! - [`dispatch`]: a thousand handlers against one, from a packet's bytes to the handler called.
//! - [`codec`]: indexing, decoding and encoding, against serde.
//! - [`idle`]: what a connection costs that says nothing.
//! - [`order`]: the packet that all of them use; [`figures`]: medians and columns.

#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a program of its own, whose items nobody else sees"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

mod by_hand;
mod codec;
mod dispatch;
mod echo;
mod figures;
mod idle;
mod load;
mod order;
mod server;

use std::time::Duration;

/// How long and how often things are measured.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub round: Duration,
    pub connections: usize,
}

const FULL: Effort = Effort { rounds: 13, round: Duration::from_millis(250), connections: 5_000 };
const QUICK: Effort = Effort { rounds: 3, round: Duration::from_millis(100), connections: 1_000 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, kind] = &arguments[..]
        && first == server::SERVE
    {
        return server::serve(kind);
    }
    // `cargo test --all-targets` runs benchmarks too, without this argument: there is nothing to test here.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("run it by `cargo bench -p asyncapy --bench packets`");
        return;
    }
    let named: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| *name == part);
    let effort = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { FULL };
    if wanted("echo") {
        echo::run(effort);
    }
    if wanted("dispatch") {
        dispatch::run(effort);
    }
    if wanted("codec") {
        codec::run(effort);
    }
    if wanted("idle") {
        idle::run(effort);
    }
}
