//! Work for a system, as much as it takes.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::order::Order;
use crate::system::{Client, Future, Item, Streams, Sums};

/// How calls come.
#[derive(Clone, Copy)]
pub struct Shape {
    pub connections: usize,
    /// On each of them.
    pub in_flight: usize,
}

/// What came of a round.
#[derive(Default)]
pub struct Outcome {
    pub took: Duration,
    /// Calls that were answered, or items that came.
    pub count: u64,
    /// The items' content.
    pub bytes: u64,
    /// Of each call, in nanoseconds.
    pub latencies: Vec<u32>,
}

/// Connections that are open, to be used round after round.
pub trait Load: Send {
    /// Works for so long, and ends what it has begun. Runs on the threads of the runtime.
    fn round(&mut self, lasting: Duration) -> Future<Outcome>;
}

/// How long it took from one moment to another.
pub fn nanoseconds(from: Instant, to: Instant) -> u32 {
    to.duration_since(from).as_nanos().try_into().unwrap_or(u32::MAX)
}

/// Joins what tasks have done since.
pub async fn all(began: Instant, mut tasks: JoinSet<Vec<u32>>) -> Outcome {
    let mut outcome = Outcome::default();
    while let Some(ended) = tasks.join_next().await {
        outcome.latencies.append(&mut ended.unwrap());
    }
    outcome.took = began.elapsed();
    outcome.count = outcome.latencies.len() as u64;
    outcome
}

/// Callers, each a task with a clone of a client, who wait for one answer before they call again.
struct Callers<C>(Vec<C>);

/// So many callers on so many connections.
pub async fn callers<C, F>(shape: Shape, connect: impl Fn() -> F + Send) -> Box<dyn Load>
where
    C: Client,
    F: std::future::Future<Output = C> + Send,
{
    let mut callers = Vec::new();
    for _ in 0..shape.connections {
        callers.extend(vec![connect().await; shape.in_flight]);
    }
    Box::new(Callers(callers))
}

impl<C: Client> Load for Callers<C> {
    fn round(&mut self, lasting: Duration) -> Future<Outcome> {
        let callers = self.0.clone();
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        Box::pin(async move {
            for (first, caller) in callers.into_iter().enumerate() {
                tasks.spawn(call(caller, first as u64 * 1_000_000, began + lasting));
            }
            all(began, tasks).await
        })
    }
}

async fn call<C: Client>(mut client: C, first: u64, until: Instant) -> Vec<u32> {
    let mut latencies = Vec::with_capacity(1 << 12);
    let mut order = Order::numbered(first);
    let mut began = Instant::now();
    while began < until {
        order.id += 1;
        let reply = client.echo(order.clone()).await;
        assert!(reply == order, "the reply is not the order");
        let now = Instant::now();
        latencies.push(nanoseconds(began, now));
        began = now;
    }
    latencies
}

/// A client that receives one stream after the other.
struct Receiver<C>(C, Item);

/// Streams of such items on one connection.
pub fn streams<C: Streams + Clone>(client: C, item: Item) -> Box<dyn Load> {
    Box::new(Receiver(client, item))
}

impl<C: Streams + Clone> Load for Receiver<C> {
    fn round(&mut self, lasting: Duration) -> Future<Outcome> {
        let (mut client, item) = (self.0.clone(), self.1);
        Box::pin(async move {
            let receiving = tokio::spawn(async move {
                let began = Instant::now();
                let mut outcome = Outcome::default();
                while began.elapsed() < lasting {
                    let (items, bytes) = client.receive(item, item.count()).await;
                    assert_eq!(items, u64::from(item.count()), "items are missing");
                    outcome.count += items;
                    outcome.bytes += bytes;
                }
                outcome.took = began.elapsed();
                outcome
            });
            receiving.await.unwrap()
        })
    }
}

/// Calls that are made at once, as rap's own benchmark does.
pub const AT_ONCE: usize = 10_000;

struct Adders<C>(C);

/// Ten thousand calls at once on one connection, as often as the time allows.
pub fn sums<C: Sums>(client: C) -> Box<dyn Load> {
    Box::new(Adders(client))
}

impl<C: Sums> Load for Adders<C> {
    fn round(&mut self, lasting: Duration) -> Future<Outcome> {
        let client = self.0.clone();
        Box::pin(async move {
            let began = Instant::now();
            let mut outcome = Outcome::default();
            while began.elapsed() < lasting {
                let mut tasks = JoinSet::new();
                for _ in 0..AT_ONCE {
                    let mut client = client.clone();
                    tasks.spawn(async move {
                        let began = Instant::now();
                        assert_eq!(client.sum(1, 2).await, 3);
                        vec![nanoseconds(began, Instant::now())]
                    });
                }
                outcome.latencies.append(&mut all(began, tasks).await.latencies);
            }
            outcome.took = began.elapsed();
            outcome.count = outcome.latencies.len() as u64;
            outcome
        })
    }
}
