//! Traces for OpenTelemetry: calls of two servers in one trace, exported to the standard output.
//!
//! `cargo run -p asyncapy-examples --features opentelemetry --example opentelemetry`. In the place of the exporter to the
//! standard output goes one for OTLP, say; the rest stays.

use asyncapy::prelude::*;
use asyncapy::rpc::middleware::{IncomingCall, Middleware, Next, OutgoingCall, Reply, With, from_fn};
use asyncapy::rpc::{Caller, Metadata, Peer, Status};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Instrument, info, info_span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A call's metadata, as OpenTelemetry reads them.
struct Read<'a>(&'a Metadata);

impl Extractor for Read<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.text(key)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(key, _)| key).collect()
    }
}

/// A call's metadata, as OpenTelemetry writes them.
struct Write<'a>(&'a mut Metadata);

impl Injector for Write<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

/// A span for each call that comes, under the span of its caller.
fn incoming() -> impl Middleware<IncomingCall> {
    from_fn(async |call: IncomingCall, next: Next| -> std::result::Result<Reply, Status> {
        let span = info_span!("call", otel.name = call.name(), otel.kind = "server");
        let parent = TraceContextPropagator::new().extract(&Read(call.metadata()));
        if let Err(error) = span.set_parent(parent) {
            warn!(%error, "The caller's trace is lost");
        }
        next.run(call).instrument(span).await
    })
}

/// A span for each call that goes out, which travels along with it.
fn outgoing() -> impl Middleware<OutgoingCall> {
    from_fn(async |mut call: OutgoingCall, next: Next<OutgoingCall>| {
        let span = info_span!("outgoing call", otel.name = call.target(), otel.kind = "client");
        TraceContextPropagator::new().inject_context(&span.context(), &mut Write(call.metadata_mut()));
        next.run(call).instrument(span).await
    })
}

/// What one server calls the other with.
#[derive(Clone)]
struct Stock(With<Peer>);

#[rpc(group = "stock")]
async fn count(article: String) -> u32 {
    info!("counted");
    article.len() as u32
}

#[rpc(group = "shop")]
async fn order(State(stock): State<Stock>, article: String) -> Result<bool, Status> {
    Ok(count::call(&stock.0, article).await? > 0)
}

#[tokio::main]
async fn main() -> Result<()> {
    let exporter = opentelemetry_stdout::SpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    let ours =
        tracing_subscriber::filter::filter_fn(|metadata| metadata.target().starts_with("opentelemetry"));
    tracing_subscriber::registry().with(layer).with(ours).init();

    let stock = Server::builder().register(count).middleware(incoming()).build()?.start_in_memory().await?;
    let caller = Stock(stock.handle().peer()?.with(outgoing()));
    let shop = Server::builder().register(order).state(caller).middleware(incoming());
    let shop = shop.build()?.start_in_memory().await?;
    let peer = shop.handle().peer()?.with(outgoing());
    assert!(order::call(&peer, "tea".to_owned()).await?);

    shop.shutdown().await?;
    stock.shutdown().await?;
    provider.shutdown().map_err(|error| asyncapy::Error::Config(error.to_string()))
}
