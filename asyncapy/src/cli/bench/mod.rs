//! `asyncapy bench`: a quick load, and what it does to latency.

mod histogram;
mod load;
mod summary;

use std::io::IsTerminal;
use std::time::Duration;

use super::failure::{FAILED, Failure};
use super::link::Link;
use super::{fields, output, runtime};
use crate::packet::Packet;
use crate::server::Settings;

/// Load a server with requests: throughput, and percentiles of latency.
///
/// Each connection keeps a number of requests in flight, all with the same payload. Error packets and lost connections
/// are counted, by what they say.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    link: Link,

    /// Connections
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,

    /// Requests in flight on each connection
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,

    /// How long to go on: 5s, 500ms, 1m
    #[arg(long, value_name = "SECONDS", default_value = "5s", value_parser = duration)]
    duration: Duration,

    /// How many requests to make, in the place of a duration
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,

    /// What to send, a JSON map
    #[arg(long, value_name = "JSON", default_value = r#"{"test":1}"#)]
    payload: String,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  asyncapy serve --echo --log-level warning &
  asyncapy bench 127.0.0.1:8081
  asyncapy bench 127.0.0.1:8081 --connections 1 --in-flight 1 --duration 10s
  asyncapy bench 127.0.0.1:8081 --requests 1000000 --encoding ziproto \\
      --payload '{\"user\": \"alice\"}'

Exit codes:
  0  all requests were answered
  1  some failed
  2  the command line is wrong
  3  no connection";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("--payload: {why}"));
    let map = fields::json_map(&arguments.payload).map_err(|why| wrong(&why))?;
    let packet = Packet::encoded(&map, arguments.link.encoding()).map_err(|error| wrong(&error))?;
    let summary = runtime()?.block_on(load::run(arguments, packet))?;
    if arguments.json {
        output::json(&summary.json())?;
    } else {
        output::line(summary.to_string().trim_end())?;
    }
    if summary.has_failed() { Err(Failure::silent(FAILED)) } else { Ok(()) }
}

/// Reads a time as a configuration file would.
fn duration(text: &str) -> Result<Duration, String> {
    let mut settings = Settings::default();
    settings
        .set("timeout", text)
        .map_err(|_| "allowed: a number of seconds, or one with a unit: 5, 500ms, 1m".to_owned())?;
    match settings.limits.timeout {
        Duration::ZERO => Err("nothing can be measured in no time".to_owned()),
        duration => Ok(duration),
    }
}

/// Whether somebody looks on.
fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}
