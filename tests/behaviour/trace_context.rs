//! Traces cross the wire: W3C Trace Context in the metadata of calls, spans on both sides; a line in the log for each.

use asyncapy::handler::middleware::AccessLog;
use asyncapy::prelude::*;
use asyncapy::rpc::{Caller, Peer, TraceContext, Traces};
use asyncapy::server::logging::LogLevel;
use asyncapy_tests::Log;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What it was given, and what is current.
#[rpc]
async fn own(#[extract] context: Option<TraceContext>) -> (Option<String>, Option<String>) {
    tokio::task::yield_now().await;
    let current = TraceContext::current().map(|context| context.to_string());
    (context.map(|context| context.to_string()), current)
}

#[rpc]
async fn needs(context: TraceContext) -> Option<String> {
    context.tracestate().map(str::to_owned)
}

#[tokio::test]
async fn a_call_goes_on_with_its_callers_trace() {
    let running = Server::builder()
        .register(own)
        .register(needs)
        .middleware(Traces::new())
        .build()
        .unwrap()
        .start_in_memory()
        .await
        .unwrap();
    let peer = running.handle().peer().unwrap();
    assert_eq!(own::call(&peer).await.unwrap(), (None, None));
    let (given, current) = own::call(&peer).metadata("traceparent", PARENT).await.unwrap();
    assert_eq!(given, current);
    let given = TraceContext::parse(&given.unwrap(), None).unwrap();
    assert_eq!(given.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_ne!(given.span_id(), "00f067aa0ba902b7", "it has a place of its own");

    // Nonsense is not there.
    assert_eq!(own::call(&peer).metadata("traceparent", PARENT.to_uppercase()).await.unwrap(), (None, None));
    assert_eq!(own::call(&peer).metadata("traceparent", vec![1]).await.unwrap(), (None, None));
    let status = needs::call(&peer).await.unwrap_err();
    assert_eq!((status.code, status.field.as_deref()), (Code::FieldMissing, Some("traceparent")));
    let state = needs::call(&peer).metadata("traceparent", PARENT).metadata("tracestate", "a=1,b=2");
    assert_eq!(state.await.unwrap().as_deref(), Some("a=1,b=2"));

    // Where asked to, a caller begins a trace; what is given with the call stays.
    let begins = peer.clone().with(Traces::generating());
    assert!(own::call(&begins).await.unwrap().0.is_some());
    let (given, _) = own::call(&begins).metadata("traceparent", PARENT).await.unwrap();
    assert!(given.unwrap().starts_with(&PARENT[..36]));
    let quiet = peer.clone().with(Traces::new());
    assert_eq!(own::call(&quiet).await.unwrap(), (None, None));
}

#[tokio::test]
async fn a_function_sends_its_trace_along() {
    // The other server, in a call of whose function the first one is asked.
    let far = Server::builder().register(own).build().unwrap().start_in_memory().await.unwrap();
    let far_peer = far.handle().peer().unwrap().with(Traces::new());

    #[rpc]
    async fn through(
        State(far): State<asyncapy::rpc::middleware::With<Peer>>,
        context: TraceContext,
    ) -> Result<(String, Option<String>), asyncapy::rpc::Status> {
        Ok((context.to_string(), own::call(&far).await?.0))
    }

    let server = Server::builder().register(through).state(far_peer).middleware(Traces::generating());
    let near = server.build().unwrap().start_in_memory().await.unwrap();
    let (own, there) = through::call(&near.handle().peer().unwrap()).await.unwrap();
    let (own, there) =
        (TraceContext::parse(&own, None).unwrap(), TraceContext::parse(&there.unwrap(), None).unwrap());
    assert_eq!(own.trace_id(), there.trace_id());
    assert_ne!(own.span_id(), there.span_id());
}

#[tokio::test]
async fn spans_and_lines_tell_of_calls() {
    #[rpc]
    async fn speaks(name: String) -> Result<(), Code> {
        if name.is_empty() { Ok(()) } else { Err(Code::Unauthorized) }
    }

    let log = Log::listen(LogLevel::Info);
    let server = Server::builder().register(speaks).middleware(AccessLog::new()).middleware(Traces::new());
    let running = server.build().unwrap().start_in_memory().await.unwrap();
    let peer = running.handle().peer().unwrap();
    speaks::call(&peer, String::new()).metadata("traceparent", PARENT).await.unwrap();
    speaks::call(&peer, "x\n[ERROR] forged".to_owned()).await.unwrap_err();
    let lines: Vec<_> = log.lines().into_iter().filter(|line| line.contains("Access log")).collect();
    assert_eq!(lines.len(), 2, "{}", log.text());
    assert!(lines[0].contains("speaks") && lines[0].contains("OK"), "{}", lines[0]);
    assert!(lines[1].contains("ERR_UNAUTHORIZED"), "{}", lines[1]);
}
