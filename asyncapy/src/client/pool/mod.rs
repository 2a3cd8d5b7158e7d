//! A client of several servers at once: it finds them, spreads the calls, and survives that some of them go.
//!
//! - [`RpcClient`] makes the calls; [`RpcClientBuilder`] has its settings.
//! - Where the servers are: [`Discover`], with [`Fixed`], [`ServerFile`] and [`Dns`].
//! - Which server is called: [`Balance`], and [`Breaker`] for those that fail.
//! - What happens when one goes: [`Backoff`] and [`Retry`].

mod address;
mod attempt;
mod backoff;
mod balance;
mod breaker;
mod budget;
mod builder;
mod circuit;
mod circuits;
mod connection;
mod dial;
mod discover;
mod follow;
mod load;
mod open_stream;
mod random;
mod report;
mod retry;
mod rpc_client;
mod rpc_session;
mod server;
mod settings;
mod shared;
mod slot;
mod ticket;
mod window;

use std::time::Duration;

pub use address::ServerAddress;
pub use backoff::Backoff;
pub use balance::Balance;
pub use breaker::Breaker;
pub use builder::RpcClientBuilder;
pub use discover::{Discover, Dns, Fixed, ServerFile};
pub use report::{ServerState, StopReport};
pub use retry::Retry;
pub use rpc_client::RpcClient;
pub use rpc_session::RpcSession;

/// Longer than anybody waits, and short enough to be added to any moment.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
