//! State that all handlers share, and code that blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asyncapy::prelude::*;

/// Cheap to clone: each call gets a clone.
#[derive(Clone, Default)]
struct Visits(Arc<AtomicU64>);

#[derive(Packet, Debug)]
struct Count {
    visits: u64,
}

#[handler(fields(visit, ..))]
async fn visit(State(visits): State<Visits>) -> Count {
    Count { visits: visits.0.fetch_add(1, Ordering::Relaxed) + 1 }
}

/// A plain function runs on the blocking pool: it may take its time.
#[handler(fields(sum))]
fn sum(#[field] sum: u64) -> serde_json::Value {
    json!({"sum": (1..=sum).sum::<u64>()})
}

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::builder().register(visit).register(sum);
    let running = server.state(Visits::default()).build()?.start_in_memory().await?;

    for expected in 1..=3 {
        // Each client has a session of its own; the state is the server's.
        let client = running.handle().client()?;
        let count: Count = client.request_typed(&json!({"visit": true})).await?;
        println!("{count:?}");
        assert_eq!(count.visits, expected);
    }
    let client = running.handle().client()?;
    let reply = client.request(&json!({"sum": 1_000_000})).await?;
    println!("{reply}");
    assert_eq!(reply["sum"], 500_000_500_000_u64);

    // A server without the state is not built, and says what is missing and where.
    let report = Server::builder().register(visit).build().expect_err("no state");
    println!("{report}");
    Ok(())
}
