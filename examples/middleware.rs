//! Middleware around calls and packets: one's own, the ready ones, a tower layer; traces, a log of calls, metrics.

use std::sync::Arc;
use std::time::Duration;

use asyncapy::handler::middleware::{Extension, IncomingPacket};
use asyncapy::prelude::*;
use asyncapy::rpc::middleware::{
    AccessLog, ConcurrencyLimit, IncomingCall, LoadShed, Middleware, Next, OutgoingCall, RateLimited, Reply,
    Timeout, from_fn,
};
use asyncapy::rpc::{Caller, Metrics, Status, TraceContext, Traces};
use asyncapy::security::Rate;

/// Who calls, as the middleware has found out.
#[derive(Debug)]
struct Tenant(String);

#[rpc(group = "store")]
async fn price(tenant: Extension<Tenant>, article: String) -> u64 {
    tenant.0.0.len() as u64 * 100 + article.len() as u64
}

#[rpc(group = "store")]
async fn slow() {
    std::future::pending::<()>().await;
}

#[rpc]
async fn trace(context: TraceContext) -> String {
    context.trace_id()
}

#[handler(fields(ping))]
async fn ping(#[field] ping: u64) -> serde_json::Value {
    json!({"pong": ping})
}

/// A middleware as a type: the last price that was asked for is remembered.
#[derive(Default)]
struct Remembered(std::sync::Mutex<Option<((String, String), Reply)>>);

impl Middleware<IncomingCall> for Remembered {
    async fn handle(&self, call: IncomingCall, next: Next) -> std::result::Result<Reply, Status> {
        let article = call.arguments::<serde_json::Value>()?["article"].as_str().unwrap_or("").to_owned();
        let tenant = call.get::<Tenant>().map(|tenant| tenant.0.clone()).unwrap_or_default();
        let asked = (tenant, article);
        let known = self.0.lock().map_err(|_| Code::HandlerFailed)?.clone();
        if let Some((known, reply)) = known
            && known == asked
        {
            println!("{asked:?} is known");
            return Ok(reply);
        }
        let reply = next.run(call).await?;
        *self.0.lock().map_err(|_| Code::HandlerFailed)? = Some((asked, reply.clone()));
        Ok(reply)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let metrics = Metrics::new();
    let running = Server::builder()
        .register(price)
        .register(slow)
        .register(trace)
        .register(ping)
        // The first is the outermost: it counts what the others refuse.
        .metrics(&metrics)
        .middleware(Traces::new())
        .middleware(AccessLog::new())
        .middleware(LoadShed::new(1_000))
        .middleware(RateLimited::by_address(Rate::per_second(10_000)?))
        .middleware_for("store.", ConcurrencyLimit::new(64))
        .middleware_for("store.slow", Timeout::new(Duration::from_millis(50)))
        .middleware_for(
            "store.price",
            from_fn(async |call: IncomingCall, next: Next| {
                let Some(tenant) = call.metadata().text("tenant").map(str::to_owned) else {
                    return Err(Status::new(Code::Unauthorized).message("who pays?"));
                };
                call.insert(Tenant(tenant));
                next.run(call).await
            }),
        )
        .middleware_for("store.price", Arc::new(Remembered::default()))
        .layer(tower::limit::ConcurrencyLimitLayer::new(512))
        .packet_middleware(from_fn(async |packet: IncomingPacket, next: Next<IncomingPacket>| {
            println!("a packet for `{}`", packet.handler());
            next.run(packet).await
        }))
        .build()?
        .start_in_memory()
        .await?;

    // A caller has middleware, too: here it says who calls, and begins traces.
    let nobody = running.handle().peer()?;
    let ann = nobody.clone().with(Traces::generating()).with(from_fn(
        async |mut call: OutgoingCall, next: Next<OutgoingCall>| {
            call.metadata_mut().insert("tenant", "ann");
            next.run(call).await
        },
    ));
    let refused = price::call(&nobody, "tea".to_owned()).await.expect_err("nobody pays");
    println!("{refused}");
    assert_eq!(refused.code, Code::Unauthorized);
    assert_eq!(price::call(&ann, "tea".to_owned()).await?, 303);
    assert_eq!(price::call(&ann, "tea".to_owned()).await?, 303);
    let late = slow::call(&ann).await.expect_err("it takes too long");
    assert_eq!(late.code, Code::HandlerTimedOut);
    println!("the trace is {}", trace::call(&ann).await?);

    let client = running.handle().client()?;
    assert_eq!(client.request(json!({"ping": 1})).await?["pong"], 1);

    let endpoint = metrics.serve("127.0.0.1:0").await?;
    println!("http://{}/metrics says:", endpoint.local_addr());
    let text = metrics.render();
    for line in text.lines().filter(|line| line.contains("calls_total")) {
        println!("  {line}");
    }
    assert!(text.contains(r#"calls_total{name="store.price",code="OK"} 2"#));
    Ok(())
}
