//! tonic: gRPC, with what `build.rs` makes of the service.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use crate::load;
use crate::order::{BLOB, Order};
use crate::system::{Client, Future, Item, Streams, Sums, System};

use service::orders_client::OrdersClient;
use service::orders_server::{Orders, OrdersServer};

mod service {
    pub use super::{Blob, Terms, Total, Wanted};
    tonic::include_proto!("peers.Orders");
}

pub const SYSTEM: System = System {
    name: "tonic",
    serve: || Box::pin(serve()),
    calls: Some(|address, shape| Box::pin(load::callers(shape, move || connect(address)))),
    streams: Some(|address, item| Box::pin(async move { load::streams(connect(address).await, item) })),
    sums: Some(|address, ()| Box::pin(async move { load::sums(connect(address).await) })),
};

/// How many items a stream is to have.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Wanted {
    #[prost(uint32, tag = "1")]
    pub count: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Blob {
    #[prost(bytes = "bytes", tag = "1")]
    pub content: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Terms {
    #[prost(int64, tag = "1")]
    pub a: i64,
    #[prost(int64, tag = "2")]
    pub b: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Total {
    #[prost(int64, tag = "1")]
    pub total: i64,
}

struct Service;

type Items<T> = std::pin::Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn items<T: Clone + Send + 'static>(wanted: Request<Wanted>, item: T) -> Response<Items<T>> {
    Response::new(stream::iter((0..wanted.into_inner().count).map(move |_| Ok(item.clone()))).boxed())
}

#[tonic::async_trait]
impl Orders for Service {
    async fn echo(&self, order: Request<Order>) -> Result<Response<Order>, Status> {
        Ok(Response::new(order.into_inner()))
    }

    async fn sum(&self, terms: Request<Terms>) -> Result<Response<Total>, Status> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let Terms { a, b } = terms.into_inner();
        Ok(Response::new(Total { total: a + b }))
    }

    type OrdersStream = Items<Order>;

    async fn orders(&self, wanted: Request<Wanted>) -> Result<Response<Items<Order>>, Status> {
        Ok(items(wanted, Order::numbered(0)))
    }

    type BlobsStream = Items<Blob>;

    async fn blobs(&self, wanted: Request<Wanted>) -> Result<Response<Items<Blob>>, Status> {
        Ok(items(wanted, Blob { content: Bytes::from(vec![7; BLOB]) }))
    }
}

async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    // Without a limit of its own it hangs up when thousands of calls begin at once; with one, the rest wait.
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(1024)
        .add_service(OrdersServer::new(Service));
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

async fn connect(address: SocketAddr) -> OrdersClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    OrdersClient::new(endpoint.connect().await.unwrap())
}

impl Client for OrdersClient<Channel> {
    async fn echo(&mut self, order: Order) -> Order {
        OrdersClient::echo(self, order).await.unwrap().into_inner()
    }
}

impl Sums for OrdersClient<Channel> {
    async fn sum(&mut self, a: i64, b: i64) -> i64 {
        OrdersClient::sum(self, Terms { a, b }).await.unwrap().into_inner().total
    }
}

impl Streams for OrdersClient<Channel> {
    async fn receive(&mut self, item: Item, count: u32) -> (u64, u64) {
        let wanted = Wanted { count };
        match item {
            Item::Order => {
                let orders = self.orders(wanted).await.unwrap().into_inner();
                counted(orders, |order: &Order| order.size()).await
            }
            Item::Blob => {
                let blobs = self.blobs(wanted).await.unwrap().into_inner();
                counted(blobs, |blob: &Blob| blob.content.len()).await
            }
        }
    }
}

fn counted<T: Send + 'static>(mut items: tonic::Streaming<T>, size: fn(&T) -> usize) -> Future<(u64, u64)> {
    Box::pin(async move {
        let (mut count, mut bytes) = (0, 0);
        while let Some(item) = items.message().await.unwrap() {
            count += 1;
            bytes += size(&item) as u64;
        }
        (count, bytes)
    })
}
