//! jsonrpsee over WebSocket, by its macro.

use std::net::SocketAddr;
use std::sync::Arc;

use jsonrpsee::core::RpcResult;
use jsonrpsee::core::async_trait;
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::Server;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};

use crate::load;
use crate::order::Order;
use crate::system::{Client, System};

pub const SYSTEM: System = System {
    name: "jsonrpsee",
    serve: || Box::pin(serve()),
    calls: Some(|address, shape| Box::pin(load::callers(shape, move || connect(address)))),
    streams: None,
    sums: None,
};

#[rpc(client, server)]
trait Orders {
    #[method(name = "echo")]
    async fn echo(&self, order: Order) -> RpcResult<Order>;
}

struct Service;

#[async_trait]
impl OrdersServer for Service {
    async fn echo(&self, order: Order) -> RpcResult<Order> {
        Ok(order)
    }
}

async fn serve() -> SocketAddr {
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.start(Service.into_rpc()).stopped());
    address
}

async fn connect(address: SocketAddr) -> Arc<WsClient> {
    Arc::new(WsClientBuilder::default().build(format!("ws://{address}")).await.unwrap())
}

impl Client for Arc<WsClient> {
    async fn echo(&mut self, order: Order) -> Order {
        OrdersClient::echo(self.as_ref(), order).await.unwrap()
    }
}
