use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};

use super::args::Written;
use super::call::{Call, OpenChannel, OpenItems};
use super::dial::Dial;
use super::{PeerBuilder, Status};
use crate::handler::Session;
use crate::mux::{Io, Mux};
use crate::wire::{Encoding, Framing};

/// The other side of a V3 connection: its functions can be called.
///
/// A client has one for each connection; a function gets the one of its caller as an argument, and calls the caller's
/// functions with it. Cheap to clone; calls of many tasks share the connection. Every failure is a [`Status`].
///
/// A connection that was made from this side closes with the last clone and the last stream that was opened by one. Calls
/// that the other side has made on it until then go on to their end, and no new ones are taken; what has not ended after
/// the [`handler_timeout`](PeerBuilder::handler_timeout), 30 s by default, is dropped where it waits, and its caller reads
/// `ERR_UNAVAILABLE`.
///
/// ```
/// use asyncapy::prelude::*;
///
/// #[rpc(group = "math")]
/// async fn sum(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().register(sum).build()?.start_in_memory().await?;
/// let peer = server.handle().peer()?;
/// assert_eq!(peer.call::<i64>("math.sum", (1, 2)).await?, 3);
/// assert_eq!(sum::call(&peer, 1, 2).await?, 3);
/// # Ok(())
/// # }
/// ```
///
/// [`Status`]: super::Status
#[derive(Clone)]
pub struct Peer {
    inner: Arc<Inner>,
}

struct Inner {
    mux: Arc<Mux>,
    encoding: Encoding,
    timeout: Duration,
    session: Session,
    /// Whether the connection closes with the last of these.
    owner: bool,
}

/// How long a call may take if nothing else is said.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

impl Peer {
    pub(crate) fn new(
        mux: Arc<Mux>,
        encoding: Encoding,
        timeout: Duration,
        session: Session,
        owner: bool,
    ) -> Self {
        Self { inner: Arc::new(Inner { mux, encoding, timeout, session, owner }) }
    }

    /// A connection over a stream that is connected already, with the defaults; it closes with the last clone of what
    /// this gives.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Dial::plain(Framing::default()).over_any(Io::of(stream))
    }

    /// A connection of one's own making: what it is told before it begins.
    pub fn builder() -> PeerBuilder {
        PeerBuilder::new()
    }

    /// Calls a function by name. Arguments are a map or a struct (by name), a tuple or a list (by position), or `()`.
    pub fn call<'a, R>(&'a self, target: &'a str, arguments: impl Serialize) -> Call<'a, Self, Written, R> {
        Call::new(self, target, false, Written::new(&arguments, self.encoding()))
    }

    /// Opens a server stream by name.
    pub fn stream<'a, T>(
        &'a self,
        target: &'a str,
        arguments: impl Serialize,
    ) -> OpenItems<'a, Self, Written, T> {
        OpenItems::new(self, target, false, Written::new(&arguments, self.encoding()))
    }

    /// Opens a client stream or a duplex one by name: `In` come back, `Out` go there.
    pub fn channel<'a, In, Out>(
        &'a self,
        target: &'a str,
        arguments: impl Serialize,
    ) -> OpenChannel<'a, Self, Written, In, Out> {
        OpenChannel::new(self, target, false, Written::new(&arguments, self.encoding()))
    }

    /// The connection's session: its id, its address, its end, and what the program keeps with it.
    pub fn session(&self) -> &Session {
        &self.inner.session
    }

    /// Whether new calls can be made: the connection is open, and the other side is not going away.
    pub fn is_open(&self) -> bool {
        !self.inner.mux.lock().is_draining()
    }

    /// Waits until no new calls can be made: the other side is going away, or the connection is closed.
    pub async fn closing(&self) {
        poll_fn(|context| self.inner.mux.poll_closing(context)).await;
    }

    /// Waits for the other side's HELLO.
    ///
    /// # Errors
    /// Why none comes.
    pub(crate) async fn greeted(&self) -> Result<(), Status> {
        poll_fn(|context| self.inner.mux.poll_greeted(context)).await.map_err(Status::of)
    }

    /// How many calls and streams are under way on the connection, as far as this side has opened them.
    pub fn in_flight(&self) -> usize {
        self.inner.mux.lock().ours()
    }

    /// Makes no more calls; the connection closes when those under way have ended.
    pub fn close(&self) {
        self.inner.mux.with(|state, woken| state.close(woken));
        self.inner.session.close();
    }

    pub(crate) fn mux(&self) -> &Arc<Mux> {
        &self.inner.mux
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.inner.encoding
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.inner.timeout
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.owner {
            self.mux.abandon();
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Peer").field(&self.inner.session).finish()
    }
}
