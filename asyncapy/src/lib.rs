//! One annotated async function becomes a typed network API.
//!
//! Annotate a function; its attribute says which packets wake it, its arguments what it needs, its value is the reply.
//! The server around it does the rest: AsyncAProto on TCP, TLS, UNIX sockets or memory, sessions, filters, groups,
//! limits, API keys. Clients of the Python framework AsyncAPY work with it unchanged.
//!
//! ```
//! use asyncapy::prelude::*;
//!
//! #[derive(Packet, Debug, PartialEq)]
//! struct Sum {
//!     sum: i64,
//! }
//!
//! #[handler(fields(a = r"-?\d+$", b))]
//! async fn add(#[field] a: i64, #[field] b: i64) -> Sum {
//!     Sum { sum: a + b }
//! }
//!
//! #[tokio::main]
//! async fn main() -> asyncapy::Result<()> {
//!     // `.serve("127.0.0.1:1500").await` would serve it there until Ctrl-C.
//!     let client = Server::builder().register(add).build()?.test_client().await?;
//!     let sum: Sum = client.request_typed(&json!({"a": 20, "b": 22})).await?;
//!     assert_eq!(sum, Sum { sum: 42 });
//!     Ok(())
//! }
//! ```
//!
//! The [`guide`] goes on from here.
//!
//! # Goals
//!
//! - What can be checked is checked before the program serves: by the compiler under the very token, or by
//!   [`build`](server::Builder::build) with every mistake at once.
//! - As fast as a hand-written loop, or nearly: a packet is its bytes, filters and typed handlers read them in place.
//! - Closed and bounded by default: every queue, wait and size has a limit with a name and an error.
//! - Handlers are ordinary functions that can be tested without a socket.
//!
//! # Non-goals
//!
//! HTTP routing, a home-made cluster, a new serialization format, new cryptography.
//!
//! # Layout
//!
//! A layer imports only those below it.
//!
//! - `cli`: the `asyncapy` command (feature `cli`).
//! - `gateway`: the functions over HTTP and WebSocket (feature `gateway`).
//! - [`server`]: builder, listeners, connections, sessions, limits, shutdown.
//! - [`client`]: connects to a server, over a socket or in process.
//! - [`rpc`](mod@rpc): calls, streams, channels and services; [`processor`]: what is done to payloads on their way.
//! - `mux`: many streams on one connection: their state, credits, budgets.
//! - [`dispatch`]: from the registry of annotated functions to the handler that runs.
//! - [`handler`](mod@handler): what a door needs: extractors, replies, filters.
//! - [`packet`]: a packet, its bytes and a lazy index of its fields; typed packets.
//! - [`security`]: API keys, TLS and certificates, sealed payloads.
//! - [`wire`]: bytes to frames and back; pure, no I/O.
//! - [`error`]: one vocabulary of failures.
//!
//! # Features
//!
//! All are off by default, and add to one another.
//!
//! | feature | what it adds |
//! |---|---|
//! | `tls` | TLS 1.3 on both sides, mutual TLS, client identities (rustls with ring) |
//! | `cert` | a local certificate authority for development (rcgen) |
//! | `redb` | API keys on disk |
//! | `rate-limit` | rate limits by address, key or function, and of connections (governor) |
//! | `config` | settings from ini and TOML files and the environment |
//! | `logging` | log lines in AsyncAPY's format (tracing-subscriber) |
//! | `spec` | JSON Schemas of typed packets (schemars) |
//! | `sealed` | payloads sealed under a shared key, for where there is no TLS (ring) |
//! | `zstd` | compressed payloads; needs a C compiler |
//! | `tower` | tower layers as middleware |
//! | `metrics` | metrics of calls, in Prometheus' format |
//! | `gateway` | the functions over HTTP, for browsers among others (axum) |
//! | `cli` | the `asyncapy` command and [`dispatch`] listings |

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod dispatch;
pub mod error;
#[cfg(feature = "gateway")]
#[cfg_attr(docsrs, doc(cfg(feature = "gateway")))]
pub mod gateway;
pub mod guide;
pub mod handler;
mod mux;
pub mod packet;
pub mod prelude;
pub mod processor;
pub mod rpc;
pub mod security;
pub mod server;
pub mod wire;

// The macros' output names the crate by this path, in the crate itself too.
#[allow(unused_extern_crates, reason = "used by what the macros write in the crate's own tests")]
extern crate self as asyncapy;

pub use asyncapy_macros::{Failure, Packet, handler, rpc, service};
pub use error::{Code, Error, Failure, Rejection, Result};
pub use handler::{Client, Close, Session, State, Stop, Typed, blocking};
pub use packet::Packet;
pub use serde_json::json;
pub use server::Server;
pub use wire::Encoding;

/// The README's code is compiled like any other example.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
