//! Builder, listeners, connections, sessions, limits, shutdown.
//!
//! - [`Builder`] is told what to serve and where, and gives a [`Server`] whose wiring is sound.
//! - [`Server::start`] gives a [`Running`] server; a [`Handle`] reaches it from anywhere.
//! - [`Server::test_client`] tests handlers without a socket.
//! - [`guard`]: middleware that decides which connections come in.
//! - [`Settings`] and [`Limits`]: all that can be set; [`config`] reads them from files (feature `config`).
//! - [`logging`]: log lines in AsyncAPY's format (feature `logging`).

mod accept;
mod admission;
mod builder;
#[cfg(feature = "config")]
pub mod config;
mod connection;
mod doorkeeping;
mod fault;
pub mod guard;
mod lifecycle;
mod limits;
mod listener;
pub mod logging;
mod running;
#[allow(clippy::module_inception, reason = "the layer is named after its noun")]
mod server;
mod settings;
mod shared;
pub(crate) mod signal;
mod test_client;
#[cfg(feature = "gateway")]
pub(crate) mod visit;

pub use crate::client::Endpoint;
pub use builder::Builder;
pub use lifecycle::Ended;
pub use limits::Limits;
pub use running::{Handle, Report, Running, Stats};
pub use server::Server;
pub use settings::{Settings, TlsSettings};
pub use test_client::{TestClient, TestClientBuilder};
