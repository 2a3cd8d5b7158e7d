//! What a system brings to be compared: a server, and clients of it.
//!
//! To add one, write a file in [`crate::systems`] with a `pub const SYSTEM` like its neighbours', and name it in
//! [`crate::systems::ALL`]. Nothing else knows the systems apart.

use std::net::SocketAddr;
use std::pin::Pin;

use crate::load::{Load, Shape};
use crate::order::Order;

pub type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

/// Opens a load's connections to a server.
pub type Connect<S> = fn(SocketAddr, S) -> Future<Box<dyn Load>>;

/// A contestant. The ways of loading it that it does not know are `None`, and it is not in their tables.
pub struct System {
    pub name: &'static str,
    /// Starts the server on a free port of 127.0.0.1, and returns when it takes connections.
    pub serve: fn() -> Future<SocketAddr>,
    /// Calls of `echo`: usually [`crate::load::callers`].
    pub calls: Option<Connect<Shape>>,
    /// Server streams, one after the other: usually [`crate::load::streams`].
    pub streams: Option<Connect<Item>>,
    /// Calls of `sum`, ten thousand at once: usually [`crate::load::sums`].
    pub sums: Option<Connect<()>>,
}

/// A connection, cloned for each that calls on it.
pub trait Client: Clone + Send + 'static {
    /// Sends an order and receives it back.
    fn echo(&mut self, order: Order) -> impl std::future::Future<Output = Order> + Send;
}

/// A client of a server that streams.
pub trait Streams: Send + 'static {
    /// Receives so many items of one stream; returns how many came, and their content's bytes.
    fn receive(&mut self, item: Item, count: u32) -> impl std::future::Future<Output = (u64, u64)> + Send;
}

/// A client of a server whose function adds two numbers, and sleeps for ten milliseconds before it tells.
pub trait Sums: Clone + Send + 'static {
    fn sum(&mut self, a: i64, b: i64) -> impl std::future::Future<Output = i64> + Send;
}

/// What a stream carries.
#[derive(Clone, Copy, PartialEq)]
pub enum Item {
    /// The payload of the calls.
    Order,
    /// 16 KiB of bytes.
    Blob,
}

impl Item {
    /// How many make a stream, so that beginning it does not count.
    pub fn count(self) -> u32 {
        match self {
            Item::Order => 100_000,
            Item::Blob => 4_000,
        }
    }
}
