use tracing::field::{Empty, display};
use tracing::{Instrument, Span, info_span};

use super::TraceContext;
use super::context::CURRENT;
use crate::rpc::Status;
use crate::rpc::middleware::{IncomingCall, Middleware, Next, OutgoingCall, Reply};

/// Middleware that makes calls part of traces: a span of `tracing` for each, and W3C Trace Context along the wire.
///
/// On the server it reads where the call stands in its caller's trace, and runs the function in a span `call` with the
/// fields `name`, `trace_id`, `span_id`, `parent_id` and, at the end, `code`. At a caller it sends the trace of the
/// function that calls along with each call, in a span `outgoing call`. The spans have the level INFO and the target
/// `asyncapy::trace`; where that is not enabled, none is made.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::rpc::{Caller, TraceContext, Traces};
///
/// #[rpc]
/// async fn trace(context: TraceContext) -> String {
///     context.trace_id()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().register(trace).middleware(Traces::new()).build()?.start_in_memory().await?;
/// let peer = server.handle().peer()?.with(Traces::generating());
/// assert_eq!(trace::call(&peer).await?.len(), 32);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Traces {
    generate: bool,
}

impl Traces {
    /// Goes on with traces that there are.
    pub const fn new() -> Self {
        Self { generate: false }
    }

    /// Begins a new trace where there is none.
    pub const fn generating() -> Self {
        Self { generate: true }
    }

    fn next(self, former: Option<&TraceContext>) -> Option<TraceContext> {
        match former {
            Some(former) => Some(former.child()),
            None => self.generate.then(TraceContext::generate),
        }
    }
}

/// Writes down where the call stands.
fn record(span: &Span, own: Option<&TraceContext>, parent: Option<&TraceContext>) {
    if span.is_disabled() {
        return;
    }
    if let Some(own) = own {
        span.record("trace_id", display(own.trace_id()));
        span.record("span_id", display(own.span_id()));
    }
    if let Some(parent) = parent {
        span.record("parent_id", display(parent.span_id()));
    }
}

/// Writes down how it has ended.
fn ended(span: &Span, outcome: &Result<Reply, Status>) {
    if !span.is_disabled() {
        let code = outcome.as_ref().map_or_else(|status| status.code.as_str(), |_| "OK");
        span.record("code", code);
    }
}

impl Middleware<IncomingCall> for Traces {
    async fn handle(&self, call: IncomingCall, next: Next) -> Result<Reply, Status> {
        let parent = TraceContext::of(call.metadata());
        let own = self.next(parent.as_ref());
        let span = info_span!(
            target: "asyncapy::trace",
            "call",
            name = call.name(),
            trace_id = Empty,
            span_id = Empty,
            parent_id = Empty,
            code = Empty,
        );
        record(&span, own.as_ref(), parent.as_ref());
        let outcome = match own {
            Some(own) => {
                call.insert(own.clone());
                CURRENT.scope(own, next.run(call)).instrument(span.clone()).await
            }
            None => next.run(call).instrument(span.clone()).await,
        };
        ended(&span, &outcome);
        outcome
    }
}

impl Middleware<OutgoingCall> for Traces {
    async fn handle(&self, mut call: OutgoingCall, next: Next<OutgoingCall>) -> Result<Reply, Status> {
        // What was given with the call is what its caller means.
        let given = call.metadata().and_then(TraceContext::of);
        let parent = TraceContext::current();
        let own = given.clone().or_else(|| self.next(parent.as_ref()));
        let span = info_span!(
            target: "asyncapy::trace",
            "outgoing call",
            name = call.target(),
            trace_id = Empty,
            span_id = Empty,
            parent_id = Empty,
            code = Empty,
        );
        record(&span, own.as_ref(), parent.as_ref());
        if let Some(own) = own
            && given.is_none()
        {
            own.insert_into(call.metadata_mut());
        }
        let outcome = next.run(call).instrument(span.clone()).await;
        ended(&span, &outcome);
        outcome
    }
}
