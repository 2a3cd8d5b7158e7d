//! asyncapy: functions by `#[rpc]`, called by the stubs that it writes, over a plain connection.

use std::net::SocketAddr;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::rpc::{Items, Peer, Streaming};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::load::{self, AT_ONCE};
use crate::order::{BLOB, Order};
use crate::system::{self, Item, Streams, Sums, System};
use crate::table::BASE;

pub const SYSTEM: System = System {
    name: BASE,
    serve: || Box::pin(serve()),
    calls: Some(|address, shape| Box::pin(load::callers(shape, move || connect(address)))),
    streams: Some(|address, item| Box::pin(async move { load::streams(connect(address).await, item) })),
    sums: Some(|address, ()| Box::pin(async move { load::sums(connect(address).await) })),
};

#[rpc]
async fn echo(order: Order) -> Order {
    order
}

#[rpc]
async fn sum(a: i64, b: i64) -> i64 {
    tokio::time::sleep(Duration::from_millis(10)).await;
    a + b
}

#[rpc]
async fn orders(count: u32) -> Streaming<impl Stream<Item = Order>> {
    let order = Order::numbered(0);
    Streaming::iter((0..count).map(move |_| order.clone()))
}

#[rpc]
async fn blobs(count: u32) -> Streaming<impl Stream<Item = Bytes>> {
    let content = Bytes::from(vec![7; BLOB]);
    Streaming::iter((0..count).map(move |_| content.clone()))
}

async fn serve() -> SocketAddr {
    let server = Server::builder()
        .register(echo)
        .register(sum)
        .register(orders)
        .register(blobs)
        .listen("127.0.0.1:0")
        // The calls of `sum` all sleep at once: with the defaults 128 of a connection do, and the rest wait in a queue.
        .limits(|limits| {
            limits.streams_per_connection = AT_ONCE;
            limits.calls_per_connection = AT_ONCE;
            limits.calls_in_flight = AT_ONCE;
        });
    let server = server.build().unwrap().start().await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.wait());
    address
}

async fn connect(address: SocketAddr) -> Peer {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    Peer::over(stream)
}

impl system::Client for Peer {
    async fn echo(&mut self, order: Order) -> Order {
        echo::call(self, order).await.unwrap()
    }
}

impl Sums for Peer {
    async fn sum(&mut self, a: i64, b: i64) -> i64 {
        sum::call(self, a, b).await.unwrap()
    }
}

impl Streams for Peer {
    async fn receive(&mut self, item: Item, count: u32) -> (u64, u64) {
        match item {
            Item::Order => counted(orders::call(self, count).await.unwrap(), Order::size).await,
            Item::Blob => counted(blobs::call(self, count).await.unwrap(), Bytes::len).await,
        }
    }
}

async fn counted<T: DeserializeOwned + 'static>(mut items: Items<T>, size: fn(&T) -> usize) -> (u64, u64) {
    let (mut count, mut bytes) = (0, 0);
    while let Some(item) = items.next().await {
        count += 1;
        bytes += size(&item.unwrap()) as u64;
    }
    (count, bytes)
}
