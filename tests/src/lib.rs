//! What the behaviour tests share: servers on free ports, raw clients, deadlines.
//!
//! - [`start`]: a server on a free port of 127.0.0.1; [`at_rest`]: it holds nothing any more.
//! - [`Raw`]: a client that speaks the protocol by itself, written from the document and not from the library's codec.
//! - [`Streams`]: the same for protocol V3, which keeps no rule by itself.
//! - [`Http`], [`WebSocket`]: clients that speak these by themselves.
//! - [`eventually`], [`in_time`]: waits that end. No test sleeps to wait for a state.
//! - [`ChildServer`]: a server in a process of its own, whose CPU time, memory and descriptors are its own.
//! - [`Machine`]: a server on a runtime of its own, whose plug can be pulled.
//! - [`Tap`]: somebody on the line who listens in.
//! - [`Log`]: what a server logs.

mod child;
mod frames;
mod http;
mod log;
mod machine;
mod raw;
mod streams;
mod tap;
mod wait;
mod websocket;

use asyncapy::Server;
use asyncapy::server::{Builder, Running};

pub use bytes::BytesMut;
pub use child::{ChildServer, own_descriptors};
pub use frames::{JSON, ZIPROTO, decode, error_text, frame, frame_as, hex};
pub use http::{Http, Response};
pub use log::Log;
pub use machine::Machine;
pub use raw::Raw;
pub use streams::{Flags, Streams};
pub use tap::{Flip, Tap};
pub use wait::{DEADLINE, at_rest, eventually, in_time, settled_tasks};
pub use websocket::{Message, WebSocket};

/// Builds a server and starts it on a free port of 127.0.0.1.
///
/// # Panics
/// If the wiring is wrong or the port cannot be bound.
pub async fn start(builder: Builder) -> Running {
    let server = builder.listen("127.0.0.1:0").build().unwrap_or_else(|error| panic!("{error}"));
    server.start().await.unwrap_or_else(|error| panic!("{error}"))
}

/// An echo server, to be changed further: any packet goes back as it came.
pub fn echo() -> Builder {
    Server::builder().register_fn(|packet: asyncapy::Packet| async move { packet })
}

/// No limit on how many connections 127.0.0.1 opens: where the test itself is the crowd.
pub fn crowd(builder: Builder, connections: usize) -> Builder {
    builder.limits(|limits| {
        limits.connections = connections;
        limits.connections_per_address = connections;
        limits.new_connections_per_address = u32::MAX;
    })
}
