//! Calls, streams and channels: functions that the other side of a connection can call (protocol V3).
//!
//! - [`Peer`]: the other side of a connection; [`Caller`]: whoever calls can be called upon; [`Call`], [`Items`],
//!   [`Channel`]: what a call gives.
//! - [`Status`] and [`CallError`]: why a call has no result.
//! - [`Streaming`]: what a function returns to give items one by one.
//! - [`PeerBuilder`]: a connection over a stream of one's own, and what it is told.
//! - [`ApiKeyIdentity`], [`HelloMetadata`]: what a client has said of itself when it connected.
//! - [`Metadata`], [`Deadline`], [`Cancelled`]: what a function can ask about its call, besides what every handler can.
//! - [`middleware`]: what stands around functions, and around the calls that we make; [`Traces`], [`TraceContext`].
//! - [`Function`], [`Shape`], [`Place`]: what is known of a function.

mod answer;
mod args;
mod argument;
mod body;
mod borrowing;
mod call;
mod called;
mod caller;
mod channel;
pub(crate) mod connection;
mod context;
mod credentials;
mod decode;
pub(crate) mod dial;
mod frame_buffer;
mod function;
mod invocation;
#[cfg(feature = "metrics")]
mod metrics;
pub mod middleware;
mod opening;
mod peer;
mod peer_builder;
pub(crate) mod peer_settings;
mod private;
mod reflect;
#[cfg(feature = "gateway")]
pub(crate) mod relay;
mod returned;
pub(crate) mod serving;
pub(crate) mod settings;
mod status;
mod streaming;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod trace;
mod watch;

pub use crate::wire::v3::{Metadata, MetadataValue};
pub use answer::{Answer, Failed};
pub use args::{Arguments, Named, SentBy, Whole, Written};
#[doc(hidden)]
pub use argument::{ArgumentBySerde, ReadArgument, argument, argument_or_else, no_others};
#[doc(hidden)]
pub use body::{Body, Items as ItemsBody, Producer, SentToCaller, Value as ValueBody};
#[doc(hidden)]
pub use borrowing::{Borrowing, Hand, borrowing, forward, forward_failure};
pub use call::{Call, OpenChannel, OpenItems};
#[doc(hidden)]
pub use called::{Called, called};
pub use caller::{Again, CallOptions, CallRequest, Caller, Choice, Kept};
pub use channel::{Channel, Items, Receiver, Sender};
pub use context::{Cancelled, Deadline};
pub use credentials::{ApiKeyIdentity, HelloMetadata};
pub use function::{Function, FunctionRegistration, Method, Parameter, Returns, Service, Shape, linked};
#[doc(hidden)]
pub use invocation::{ErasedFunction, Invocation, function};
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use metrics::{Metrics, MetricsEndpoint};
pub use peer::Peer;
pub use peer_builder::PeerBuilder;
pub use private::Place;
pub use reflect::{Argument, Description, FUNCTIONS};
#[doc(hidden)]
pub use returned::{
    FailWithAll, FailWithCode, FailWithDetails, FailWithMessage, IntoItems, IntoValue, Returned, SplitResult,
    SplitValue, ToldToCaller,
};
pub use status::{CallError, Status};
pub use streaming::{Iter, Produced, Sink, Streaming};
pub use trace::{TraceContext, Traces};
