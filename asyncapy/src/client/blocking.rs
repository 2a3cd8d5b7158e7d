//! The client for code without a runtime: scripts, tests, threads.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Handle, Runtime};

use super::Builder;
use crate::error::Result;
use crate::packet::{EncodePacket, Packet, TypedPacket};
use crate::wire::Encoding;

/// What closing may take when the client is dropped rather than disconnected.
const FAREWELL: Duration = Duration::from_secs(1);

/// [`client::Client`](super::Client) with methods that block. It has a runtime of its own, which runs on the calling
/// thread and only while a method is called; several threads may use it at once.
///
/// In an async function use [`client::Client`](super::Client) instead: every method of this one would panic there. On the
/// blocking pool, in a plain function with `#[handler]` for instance, it is as good as anywhere.
///
/// ```
/// use asyncapy::client::blocking::Client;
/// # use asyncapy::{Packet, Server, json};
/// # fn main() -> asyncapy::Result<()> {
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # let server = Server::builder().listen("127.0.0.1:0").register_fn(|packet: Packet| async move { packet }).build()?;
/// # let server = runtime.block_on(server.start())?;
/// # let address = server.handle().endpoints()[0].to_string();
/// let client = Client::connect(&address)?;
/// client.send(json!({"foo": "bar"}))?;
/// assert_eq!(client.receive()?["foo"], "bar");
/// client.disconnect()?;
/// # Ok(())
/// # }
/// ```
pub struct Client {
    client: super::Client,
    /// None while it is being dropped.
    runtime: Option<Runtime>,
}

impl Client {
    /// Connects with the defaults: see [`client::Client::connect`](super::Client::connect).
    ///
    /// # Errors
    /// As there, and [`Error::Io`](crate::Error::Io) if the system gives no runtime.
    ///
    /// # Panics
    /// Inside an async function, as every method.
    pub fn connect(endpoint: impl AsRef<str>) -> Result<Self> {
        Self::connect_with(Builder::default(), endpoint.as_ref())
    }

    /// Sets encoding, header, timeouts, TLS and limits; [`connect_blocking`](Builder::connect_blocking) ends it.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn connect_with(builder: Builder, endpoint: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = match runtime.block_on(builder.connect(endpoint)) {
            Ok(client) => client,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        Ok(Self { client, runtime: Some(runtime) })
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(future),
            None => Err(crate::Error::Closed),
        }
    }

    /// Sends a packet and waits for no reply; it is on its way when this returns.
    ///
    /// # Errors
    /// Those of [`client::Client::send`](super::Client::send).
    pub fn send(&self, packet: impl EncodePacket) -> Result<()> {
        self.wait(async {
            self.client.send(packet).await?;
            // Nothing writes once the runtime stands still again.
            self.client.flush().await
        })
    }

    /// Sends a packet and waits for its reply.
    ///
    /// # Errors
    /// Those of [`client::Client::request`](super::Client::request).
    pub fn request(&self, packet: impl EncodePacket) -> Result<Packet> {
        self.wait(self.client.request(packet))
    }

    /// Sends a packet and waits for its reply, which is read as a typed packet.
    ///
    /// # Errors
    /// Those of [`client::Client::request_typed`](super::Client::request_typed).
    pub fn request_typed<T: TypedPacket>(&self, packet: impl EncodePacket) -> Result<T> {
        self.wait(self.client.request_typed(packet))
    }

    /// The next packet for which no request waits.
    ///
    /// # Errors
    /// Those of [`client::Client::receive`](super::Client::receive).
    pub fn receive(&self) -> Result<Packet> {
        self.wait(self.client.receive())
    }

    /// The next packet for which no request waits, read as a typed packet.
    ///
    /// # Errors
    /// Those of [`client::Client::receive_typed`](super::Client::receive_typed).
    pub fn receive_typed<T: TypedPacket>(&self) -> Result<T> {
        self.wait(self.client.receive_typed())
    }

    /// The next packet for which no request waits, as it came: the whole frame with its header.
    ///
    /// # Errors
    /// Those of [`client::Client::receive_raw`](super::Client::receive_raw).
    pub fn receive_raw(&self) -> Result<Bytes> {
        self.wait(self.client.receive_raw())
    }

    /// Writes what was sent and closes the connection.
    ///
    /// # Errors
    /// Those of [`client::Client::disconnect`](super::Client::disconnect).
    pub fn disconnect(&self) -> Result<()> {
        self.wait(self.client.disconnect())
    }

    /// Whether the connection is gone, as far as the last call has seen.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The encoding of what is sent; packets that come may have any.
    pub fn encoding(&self) -> Encoding {
        self.client.encoding()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // Where blocking may be forbidden the system closes the socket; all that was sent is written by then.
        if Handle::try_current().is_err() && !self.client.is_closed() {
            // If the server takes nothing any more there is nobody to take leave of.
            let _ =
                runtime.block_on(async { tokio::time::timeout(FAREWELL, self.client.disconnect()).await });
        }
        runtime.shutdown_background();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("blocking::Client").field(&self.client).finish()
    }
}
