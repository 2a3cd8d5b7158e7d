//! The connecting side: a client of AsyncAProto servers, asynchronous and blocking.
//!
//! - [`Client`]: a connection that many tasks can use at once; [`Builder`] sets its encoding, header and limits.
//! - [`blocking::Client`]: the same for programs without a runtime.
//! - [`RpcClient`]: calls functions of several servers, and survives that some of them go; [`RpcClientBuilder`] has
//!   its settings.
//! - [`Endpoint`]: where a server listens and a client connects to.
//!
//! One driver task serves each connection, as on the server's side: it writes what has gathered in one go, reads, and
//! hands each reply to the request whose turn it is. A request that is alone on the connection does not wait for it: it
//! writes and reads by itself.

pub mod blocking;
mod builder;
#[allow(clippy::module_inception, reason = "the layer is named after its noun")]
mod client;
mod driver;
mod endpoint;
mod inbox;
mod link;
mod pool;
mod received;
mod replies;
mod scratch;
mod shared;
mod signal;
mod transport;

pub use builder::Builder;
pub use client::Client;
pub use endpoint::Endpoint;
pub use pool::{
    Backoff, Balance, Breaker, Discover, Dns, Fixed, Retry, RpcClient, RpcClientBuilder, RpcSession,
    ServerAddress, ServerFile, ServerState, StopReport,
};
