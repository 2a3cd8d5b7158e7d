//! Metrics of calls and packets, in Prometheus' format.

mod endpoint;
mod series;

use std::fmt;
use std::sync::Arc;

use prometheus_client::registry::Registry;

pub use self::endpoint::MetricsEndpoint;
use self::series::{Begun, Side};
use crate::error::{Code, Failure, Result};
use crate::handler::middleware::{IncomingPacket, Middleware, Next, Outcome, PacketReply, Passing};
use crate::rpc::middleware::{IncomingCall, OutgoingCall, Reply};

/// Counts calls and packets: how many, how they ended, how long they took, how many are under way, how many bytes.
///
/// It is middleware, for functions, for handlers of packets and for callers; clones count together. With
/// [`Builder::metrics`](crate::server::Builder::metrics) it is around all functions and handlers of a server, and counts
/// the calls, too, that are refused before they reach one.
///
/// | metric | labels | |
/// |---|---|---|
/// | `asyncapy_server_calls_total` | `name`, `code` | those that have ended; `OK`, an error's code, or `GIVEN_UP` |
/// | `asyncapy_server_call_duration_seconds` | `name` | a histogram; a stream's time is all of it |
/// | `asyncapy_server_calls_in_flight` | `name` | |
/// | `asyncapy_server_call_received_bytes_total` | `name` | arguments |
/// | `asyncapy_server_call_sent_bytes_total` | `name` | results and items; not those of channels |
///
/// The same with `client_call` for `server_call` counts the calls that we make: `sent` are then the arguments, once more for
/// each time that a call is made again, `received` the results and items, and a stream ends when it is open (its items
/// are counted as they come). With `server_packet` it is the packets of handlers. There are no more than 1,024 names of
/// each, and no more than 64 codes of a name: what comes beyond is counted as `other`, as are functions that do not
/// exist.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::rpc::Metrics;
///
/// #[rpc(group = "math")]
/// async fn sum(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let metrics = Metrics::new();
/// let server = Server::builder().register(sum).metrics(&metrics).build()?.start_in_memory().await?;
/// sum::call(&server.handle().peer()?, 1, 2).await?;
/// let text = metrics.render();
/// assert!(text.contains(r#"asyncapy_server_calls_total{name="math.sum",code="OK"} 1"#), "{text}");
/// // For Prometheus to fetch, until it is dropped:
/// let endpoint = metrics.serve("127.0.0.1:0").await?;
/// println!("http://{}/metrics", endpoint.local_addr());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    server: Side,
    client: Side,
    packets: Side,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("asyncapy");
        let server = Side::new("server", "call", &mut registry);
        let client = Side::new("client", "call", &mut registry);
        let packets = Side::new("server", "packet", &mut registry);
        Self { inner: Arc::new(Inner { registry, server, client, packets }) }
    }

    /// What was counted, in the OpenMetrics text format, which Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.inner.registry) {
            // A string takes all that is written.
            tracing::error!(%error, "The metrics could not be written");
        }
        text
    }

    /// Answers `GET /metrics` over HTTP at an address, until what it gives is dropped. It is for a network of one's own:
    /// everybody who reaches it may read.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn serve(&self, address: &str) -> Result<MetricsEndpoint> {
        MetricsEndpoint::bind(self.clone(), address).await
    }

    /// A call has come that was refused before any middleware could see it.
    pub(crate) fn refused(&self, name: Option<&str>, code: &Code) {
        self.inner.server.refused(name, code);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// What is counted, and where.
trait Counted: Passing {
    fn begin<'a>(&self, metrics: &'a Metrics) -> Begun<'a>;

    fn sent(reply: &Self::Reply) -> u64;
}

impl Counted for IncomingCall {
    fn begin<'a>(&self, metrics: &'a Metrics) -> Begun<'a> {
        metrics.inner.server.begin(self.name(), self.payload().len() as u64)
    }

    fn sent(reply: &Reply) -> u64 {
        reply.size()
    }
}

impl Counted for IncomingPacket {
    fn begin<'a>(&self, metrics: &'a Metrics) -> Begun<'a> {
        metrics.inner.packets.begin(self.handler(), self.packet().payload().len() as u64)
    }

    fn sent(reply: &PacketReply) -> u64 {
        reply.packets.iter().map(|packet| packet.payload().len() as u64).sum()
    }
}

async fn count<Q: Counted>(metrics: &Metrics, request: Q, next: Next<Q>) -> Outcome<Q> {
    let begun = request.begin(metrics);
    let outcome = next.run(request).await;
    match &outcome {
        Ok(reply) => begun.end(None, Q::sent(reply)),
        Err(failure) => begun.end(Some(&failure.code()), 0),
    }
    outcome
}

impl Middleware<IncomingCall> for Metrics {
    async fn handle(&self, call: IncomingCall, next: Next<IncomingCall>) -> Outcome<IncomingCall> {
        count(self, call, next).await
    }
}

impl Middleware<IncomingPacket> for Metrics {
    async fn handle(&self, packet: IncomingPacket, next: Next) -> Outcome<IncomingPacket> {
        count(self, packet, next).await
    }
}

impl Middleware<OutgoingCall> for Metrics {
    async fn handle(&self, mut call: OutgoingCall, next: Next<OutgoingCall>) -> Outcome<OutgoingCall> {
        let begun = self.inner.client.begin(call.target(), 0);
        call.count_by(begun.meter());
        let outcome = next.run(call).await;
        match &outcome {
            Ok(reply) => {
                begun.received(reply.size());
                begun.end(None, 0);
            }
            Err(status) => begun.end(Some(&status.code), 0),
        }
        outcome
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
