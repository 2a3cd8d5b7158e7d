use std::net::SocketAddr;

use asyncapy::server::Builder;
use tokio::net::TcpSocket;
use tokio::runtime::{self, Runtime};

use crate::wait::eventually;

/// A server on a runtime of its own, whose plug can be pulled: its sockets are gone in the middle of whatever they did.
#[derive(Debug)]
pub struct Machine {
    runtime: Option<Runtime>,
    address: SocketAddr,
    /// Keeps the port, without listening, also when the plug is pulled: the server of another test would otherwise get it,
    /// and with it the clients that come back.
    _held: Option<TcpSocket>,
}

/// A socket that has the place and does not listen, where the system allows a listener beside it.
fn hold(place: &str) -> Option<TcpSocket> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let socket = TcpSocket::new_v4().ok()?;
    socket.set_reuseaddr(true).ok()?;
    socket.bind(place.parse().ok()?).ok()?;
    Some(socket)
}

impl Machine {
    /// Starts a server at `place`.
    ///
    /// # Panics
    /// If the wiring is wrong or the place cannot be had.
    pub async fn start_at(place: &str, builder: Builder) -> Self {
        // Whoever was there before may take a moment to be gone, and a client that tries to reach it may have the port for as
        // long.
        eventually("the place is free", || std::net::TcpListener::bind(place).is_ok()).await;
        let held = hold(place);
        let place = match held.as_ref().and_then(|held| held.local_addr().ok()) {
            Some(address) => address.to_string(),
            None => place.to_owned(),
        };
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        let server = builder.listen(place.as_str()).build().unwrap_or_else(|error| panic!("{error}"));
        let (started, address) = tokio::sync::oneshot::channel();
        runtime.spawn(async move {
            let running = server.start().await.unwrap_or_else(|error| panic!("{error}"));
            // Nobody waits only if the test has failed already.
            let _ = started.send(running.local_addr());
            running.wait().await
        });
        let address = address.await.ok().flatten().expect("an address");
        Self { runtime: Some(runtime), address, _held: held }
    }

    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If the wiring is wrong.
    pub async fn start(builder: Builder) -> Self {
        Self::start_at("127.0.0.1:0", builder).await
    }

    /// Where it listens, as a client names it.
    #[must_use]
    pub fn place(&self) -> String {
        self.address.to_string()
    }

    /// Pulls the plug.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}
