//! tarpc over TCP, with bincode: the faster of its usual formats.
//!
//! As its guide has it, each request is a task of the server. Its own `tcp` module leaves Nagle's algorithm on; here it
//! is off, as it is for the others.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{StreamExt, future};
use tarpc::client::Config;
use tarpc::context::{self, Context};
use tarpc::serde_transport::Transport;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tokio::net::{TcpListener, TcpStream};

use crate::load;
use crate::order::Order;
use crate::system::{Client, Sums, System};

pub const SYSTEM: System = System {
    name: "tarpc",
    serve: || Box::pin(serve()),
    calls: Some(|address, shape| Box::pin(load::callers(shape, move || connect(address)))),
    streams: None,
    sums: Some(|address, ()| Box::pin(async move { load::sums(connect(address).await) })),
};

#[tarpc::service]
trait Orders {
    async fn echo(order: Order) -> Order;
    async fn sum(a: i64, b: i64) -> i64;
}

#[derive(Clone)]
struct Service;

impl Orders for Service {
    async fn echo(self, _: Context, order: Order) -> Order {
        order
    }

    async fn sum(self, _: Context, a: i64, b: i64) -> i64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        a + b
    }
}

async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let channel = BaseChannel::with_defaults(Transport::from((stream, Bincode::default())));
            tokio::spawn(channel.execute(Service.serve()).for_each(|response| {
                tokio::spawn(response);
                future::ready(())
            }));
        }
    });
    address
}

async fn connect(address: SocketAddr) -> OrdersClient {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    OrdersClient::new(Config::default(), Transport::from((stream, Bincode::default()))).spawn()
}

impl Client for OrdersClient {
    async fn echo(&mut self, order: Order) -> Order {
        OrdersClient::echo(self, context::current(), order).await.unwrap()
    }
}

impl Sums for OrdersClient {
    async fn sum(&mut self, a: i64, b: i64) -> i64 {
        OrdersClient::sum(self, context::current(), a, b).await.unwrap()
    }
}
