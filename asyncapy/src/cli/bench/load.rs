use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

use super::histogram::Histogram;
use super::summary::Summary;
use super::{Arguments, is_watched};
use crate::cli::failure::Failure;
use crate::client::Client;
use crate::error::Error;
use crate::packet::Packet;

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(100);

/// What one task has seen.
pub(super) struct Seen {
    pub(super) latency: Histogram,
    /// What went wrong, and how often.
    pub(super) errors: BTreeMap<String, u64>,
}

/// When it is enough.
struct Goal {
    /// No request begins after this.
    until: Option<Instant>,
    /// Requests begun; those of a goal in numbers stop at `most`.
    begun: AtomicU64,
    most: u64,
    /// Requests answered, for the bar.
    done: AtomicU64,
}

impl Goal {
    /// Whether one more request may begin now.
    fn next(&self, now: Instant) -> bool {
        match self.until {
            Some(until) => now < until,
            None => self.begun.fetch_add(1, Ordering::Relaxed) < self.most,
        }
    }
}

/// Connects, loads, and sums up.
pub(super) async fn run(arguments: &Arguments, packet: Packet) -> Result<Summary, Failure> {
    let mut clients = Vec::new();
    for _ in 0..arguments.connections {
        clients.push(arguments.link.connect().await?);
    }
    let began = Instant::now();
    let goal = Arc::new(Goal {
        until: arguments.requests.is_none().then(|| began + arguments.duration),
        begun: AtomicU64::new(0),
        most: arguments.requests.unwrap_or(u64::MAX),
        done: AtomicU64::new(0),
    });
    let bytes = packet.payload().len();
    let mut tasks = JoinSet::new();
    for client in clients {
        for _ in 0..arguments.in_flight {
            tasks.spawn(request(client.clone(), packet.clone(), goal.clone()));
        }
    }
    let seen = watch(tasks, &goal, arguments).await?;
    Ok(Summary::new(arguments, bytes, began.elapsed(), &seen))
}

/// One request after the other.
async fn request(client: Client, packet: Packet, goal: Arc<Goal>) -> Seen {
    let mut seen = Seen { latency: Histogram::new(), errors: BTreeMap::new() };
    let mut began = Instant::now();
    while goal.next(began) {
        let reply: Result<Packet, Error> = client.request(&packet).await;
        let ended = Instant::now();
        match reply {
            Ok(_) => seen.latency.record(ended - began),
            Err(error) => {
                let lost = !matches!(error, Error::Refused { .. } | Error::TimedOut);
                *seen.errors.entry(error.to_string()).or_default() += 1;
                // Nothing more can be asked of a connection that is gone.
                if lost {
                    break;
                }
            }
        }
        goal.done.fetch_add(1, Ordering::Relaxed);
        began = ended;
    }
    seen
}

/// Waits for all tasks; the bar shows how far they are, where somebody looks on.
async fn watch(mut tasks: JoinSet<Seen>, goal: &Goal, arguments: &Arguments) -> Result<Vec<Seen>, Failure> {
    let began = Instant::now();
    let bar = bar(arguments);
    let mut tick = tokio::time::interval(TICK);
    let mut all = Vec::new();
    loop {
        tokio::select! {
            seen = tasks.join_next() => match seen {
                Some(seen) => all.push(seen.map_err(Failure::failed)?),
                None => break,
            },
            _ = tick.tick(), if is_watched() => {
                let done = goal.done.load(Ordering::Relaxed);
                let elapsed = began.elapsed();
                bar.set_position(match goal.until {
                    Some(_) => elapsed.as_millis() as u64,
                    None => done,
                });
                bar.set_message(format!("{:.0} requests/s", done as f64 / elapsed.as_secs_f64().max(1e-3)));
            }
        }
    }
    bar.finish_and_clear();
    Ok(all)
}

fn bar(arguments: &Arguments) -> ProgressBar {
    if !is_watched() {
        return ProgressBar::hidden();
    }
    let length = arguments.requests.unwrap_or(arguments.duration.as_millis() as u64);
    let style = ProgressStyle::with_template("{bar:40.green} {percent}% {msg}");
    // The template is sound; were it not, the bar would look as it does by default.
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}
