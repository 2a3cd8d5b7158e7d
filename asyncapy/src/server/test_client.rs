use std::fmt;
use std::future::{Future, IntoFuture};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::pin::Pin;

use super::{Handle, Report, Running, Server};
use crate::client;
use crate::error::{Error, Result};
use crate::wire::Encoding;

/// A client together with a server in memory: the way to test handlers without a socket.
///
/// Made by [`Server::test_client`]; it can do what a [`client::Client`] can. The server is the real one, with its
/// framing, limits and sessions, and stops when the test client is dropped.
pub struct TestClient {
    client: client::Client,
    running: Running,
}

impl TestClient {
    /// A grip on the server: more clients by [`Handle::client`], its sessions, what it counts.
    pub fn server(&self) -> Handle {
        self.running.handle()
    }

    /// Closes the connection, then stops the server, and reports.
    ///
    /// # Errors
    /// What an `on_stop` hook failed with; the server has stopped all the same.
    pub async fn shutdown(self) -> Result<Report> {
        // A server that takes no more is told so by its own shutdown.
        let _ = self.client.disconnect().await;
        self.running.shutdown().await
    }
}

impl Deref for TestClient {
    type Target = client::Client;

    fn deref(&self) -> &client::Client {
        &self.client
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("client", &self.client).field("running", &self.running).finish()
    }
}

/// What a [`TestClient`] is told before it is awaited.
#[must_use = "a test client connects when it is awaited"]
pub struct TestClientBuilder {
    server: Server,
    builder: client::Builder,
    address: Result<IpAddr>,
}

impl TestClientBuilder {
    /// The address that the client seems to come from; 127.0.0.1 by default. What is none is told when it connects.
    pub fn from(mut self, address: &str) -> Self {
        self.address = address.parse().map_err(|_| Error::Config(format!("{address:?} is no IP address")));
        self
    }

    /// The encoding of what is sent; JSON by default.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.builder = self.builder.encoding(encoding);
        self
    }

    /// All that can be said of a client: its timeout, its limits. The header is always the server's.
    pub fn with(mut self, builder: client::Builder) -> Self {
        self.builder = builder;
        self
    }
}

impl IntoFuture for TestClientBuilder {
    type Output = Result<TestClient>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<TestClient>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let address = self.address?;
            let running = self.server.start_in_memory().await?;
            let client = running.handle().client_with(self.builder, address)?;
            Ok(TestClient { client, running })
        })
    }
}

impl fmt::Debug for TestClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClientBuilder").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts the server in memory and connects to it: handlers are tested without a socket, and yet by all that a
    /// packet goes through.
    ///
    /// ```
    /// use asyncapy::Server;
    /// use asyncapy::prelude::*;
    ///
    /// #[handler(ip = "10.0.0.0/8", fields(user = r"\w+"))]
    /// async fn greet(#[field] user: String) -> serde_json::Value {
    ///     json!({"hello": user})
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> asyncapy::Result<()> {
    /// let server = Server::builder().register(greet).build()?;
    /// let client = server.test_client().from("10.0.0.1").encoding(Encoding::ZiProto).await?;
    ///
    /// assert_eq!(client.request(json!({"user": "ann"})).await?["hello"], "ann");
    ///
    /// let stranger = client.server().client()?; // from 127.0.0.1
    /// let refused = stranger.request(json!({"user": "ann"})).await.unwrap_err();
    /// assert_eq!(refused.to_string(), "the server answered ERR_NO_HANDLER");
    /// # Ok(())
    /// # }
    /// ```
    pub fn test_client(self) -> TestClientBuilder {
        TestClientBuilder {
            server: self,
            builder: client::Client::builder(),
            address: Ok(Ipv4Addr::LOCALHOST.into()),
        }
    }
}

impl Handle {
    /// A client that needs no socket, from 127.0.0.1, speaking JSON.
    ///
    /// # Errors
    /// [`Error::Closed`] if the server is stopping.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn client(&self) -> Result<client::Client> {
        self.client_with(client::Client::builder(), Ipv4Addr::LOCALHOST.into())
    }

    /// A client that needs no socket, as if it came from `address`; the header is always the server's.
    ///
    /// # Errors
    /// [`Error::Closed`] if the server is stopping, [`Error::Config`] if one of the client's settings is none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn client_with(&self, builder: client::Builder, address: IpAddr) -> Result<client::Client> {
        builder.framing(self.framing()).over(self.connect_from(address)?)
    }
}
