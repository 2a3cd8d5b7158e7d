//! Waits that end: each fails its test when the deadline has passed.

use std::future::Future;
use std::time::Duration;

use asyncapy::server::Handle;
use tokio::time::{Instant, sleep, timeout};

/// The longest that anything in these tests may take, on the virtual clock too, where a minute is nothing.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Waits for a future.
///
/// # Panics
/// If the deadline passes first.
pub async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

/// Waits until a condition holds, by asking again and again.
///
/// # Panics
/// If the deadline passes first.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until a server holds nothing any more: no connection, no session, no call.
///
/// # Panics
/// If it still does at the deadline.
pub async fn at_rest(server: &Handle) {
    eventually("the server lets everything go", || {
        let stats = server.stats();
        (stats.connections, stats.sessions, stats.calls) == (0, 0, 0)
    })
    .await;
    assert!(server.sessions().is_empty());
}

/// Waits until this runtime has no more tasks than `before`.
///
/// # Panics
/// If it still has at the deadline.
pub async fn settled_tasks(before: usize) {
    let metrics = tokio::runtime::Handle::current().metrics();
    eventually("the tasks of the connections end", || metrics.num_alive_tasks() <= before).await;
}
