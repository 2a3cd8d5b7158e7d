use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::accept::welcome;
use super::lifecycle::{Failed, Lifecycle, run_all};
use super::listener::Incoming;
use super::shared::Shared;
use super::{Endpoint, signal};
use crate::error::{Error, HookFailure, Result};
use crate::handler::Session;
use crate::handler::session::Phase;
use crate::mux::Io;
use crate::rpc;
use crate::wire::Framing;

/// How long connections that were cut have to be gone.
const CUT: Duration = Duration::from_millis(250);

/// A server at work.
///
/// [`wait`](Self::wait) serves until somebody stops it; dropping it stops it at once.
#[must_use = "a server stops when it is dropped"]
pub struct Running {
    handle: Handle,
    accepting: Vec<JoinHandle<()>>,
    pub(super) lifecycle: Lifecycle,
}

/// A grip on a server from anywhere: its addresses, its sessions, its end. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    endpoints: Arc<[Endpoint]>,
    addresses: Arc<[SocketAddr]>,
}

/// What a server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that are open, those that are being closed among them.
    pub connections: usize,
    /// Sessions that are open.
    pub sessions: usize,
    /// Handlers and functions that wait for something.
    pub calls: usize,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Connections refused since the start.
    pub refused: u64,
    /// Packets taken in hand since the start.
    pub packets: u64,
    /// Streams opened by clients since the start, calls among them (protocol V3).
    pub streams: u64,
    /// Panics of handlers, functions and filters since the start.
    pub panics: u64,
}

/// How a shutdown went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections that ended by themselves, all they had in hand done.
    pub drained: usize,
    /// Connections that were cut when the deadline had passed.
    pub cut: usize,
    /// How long it took.
    pub took: Duration,
    /// The `before_stop` and `after_stop` functions that failed.
    pub failures: Vec<HookFailure>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>, endpoints: Vec<Endpoint>, addresses: Vec<SocketAddr>) -> Self {
        Self { shared, endpoints: endpoints.into(), addresses: addresses.into() }
    }

    /// Where the server listens, with the ports that the system picked.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The address of the first TCP listener, plain or TLS.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }

    /// All open sessions.
    pub fn sessions(&self) -> Vec<Session> {
        self.shared.sessions.all()
    }

    /// What the server counts, now.
    pub fn stats(&self) -> Stats {
        let (counters, streams) = (&self.shared.counters, &self.shared.serving.counters);
        Stats {
            connections: self.shared.admission.open(),
            sessions: self.shared.sessions.len(),
            calls: self.shared.limits.calls_in_flight - self.shared.calls.available_permits(),
            accepted: counters.accepted.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            packets: counters.packets.load(Ordering::Relaxed),
            streams: streams.calls.load(Ordering::Relaxed),
            panics: counters.panics.load(Ordering::Relaxed) + streams.panics.load(Ordering::Relaxed),
        }
    }

    /// Asks the server to stop: no more connections, what is in hand is finished. [`Running::wait`] tells the end.
    pub fn shutdown(&self) {
        self.shared.stopping.send_replace(true);
    }

    /// The header that the server's clients must speak.
    pub(crate) fn framing(&self) -> Framing {
        self.shared.framing
    }

    /// A stream to the server that needs no socket, as if it came from `address`.
    ///
    /// # Errors
    /// [`Error::Closed`] if the server is stopping.
    pub fn connect_from(&self, address: IpAddr) -> Result<tokio::io::DuplexStream> {
        if self.shared.is_stopping() {
            return Err(Error::Closed);
        }
        let (near, far) = tokio::io::duplex(64 * 1024);
        welcome(Incoming::Plain(Io::Memory(far), SocketAddr::new(address, 0).into()), None, &self.shared);
        Ok(near)
    }

    /// A connection of streams that needs no socket: the server's functions can be called by it. A server that asks for
    /// credentials, or seals, asks that of it too: [`Peer::builder`](rpc::Peer::builder) over [`connect`](Self::connect).
    ///
    /// # Errors
    /// [`Error::Closed`] if the server is stopping.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn peer(&self) -> Result<rpc::Peer> {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0).into();
        Ok(rpc::dial::Dial::plain(self.framing()).over(Io::Memory(self.connect()?), address))
    }

    /// A stream to the server that needs no socket, from 127.0.0.1.
    ///
    /// # Errors
    /// [`Error::Closed`] if the server is stopping.
    pub fn connect(&self) -> Result<tokio::io::DuplexStream> {
        self.connect_from(Ipv4Addr::LOCALHOST.into())
    }
}

impl Running {
    pub(super) fn new(handle: Handle, accepting: Vec<JoinHandle<()>>, lifecycle: Lifecycle) -> Self {
        Self { handle, accepting, lifecycle }
    }

    /// A grip on the server that others can hold.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The address of the first TCP listener.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.handle.local_addr()
    }

    /// Serves until [`Handle::shutdown`] is called, then drains and reports.
    ///
    /// # Errors
    /// What an `on_stop` hook failed with; the server has stopped all the same.
    pub async fn wait(mut self) -> Result<Report> {
        let mut stopping = self.handle.shared.stopping.subscribe();
        // An error would mean that the sender is gone, which this handle holds.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        self.drain().await
    }

    /// Stops the server, drains and reports.
    ///
    /// # Errors
    /// What an `on_stop` hook failed with; the server has stopped all the same.
    pub async fn shutdown(mut self) -> Result<Report> {
        self.handle.shutdown();
        self.drain().await
    }

    /// Serves until Ctrl-C, SIGTERM or [`Handle::shutdown`], then drains and reports.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait), and [`Error::Io`] if signals cannot be listened to.
    pub async fn until_signal(self) -> Result<Report> {
        let handle = self.handle();
        let mut signals = signal::listen()?;
        let signalled = async move {
            let name = signals.recv().await;
            info!(part = "API main", "{name}: stopping");
            handle.shutdown();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            report = self.wait() => report,
            () = signalled => Err(Error::Closed),
        }
    }

    async fn drain(&mut self) -> Result<Report> {
        let began = Instant::now();
        let shared = self.handle.shared.clone();
        for task in self.accepting.drain(..) {
            // It ends by itself once the server is stopping; were it to panic, there is nothing left to accept.
            let _ = task.await;
        }
        let mut failures = run_all(&mut self.lifecycle.before_stop, &self.handle).await;
        let open = shared.admission.open();
        let deadline = Instant::now() + shared.limits.shutdown_deadline;
        shared.sessions.for_each(|core| core.advance(Phase::Closing));
        // Too late is not an error: those that are left are cut.
        let _ = timeout_at(deadline, shared.admission.emptied()).await;
        // Those whose connection is closed hold their place until their `on_disconnect` functions are done.
        let cut = shared.admission.open().saturating_sub(shared.session_hooks.parting());
        shared.cut();
        // They end when they are next polled; only one that blocks its thread takes longer than this.
        let _ = timeout_at(Instant::now() + CUT, shared.admission.emptied()).await;
        // Each of those functions has a deadline of its own, but nobody knows how many there are.
        let _ = timeout_at(Instant::now() + shared.limits.hook_timeout, shared.session_hooks.parted()).await;
        let mut stopped = Ok(());
        for hook in self.lifecycle.on_stop.drain(..) {
            stopped = hook.run(&self.handle).await.map_err(Failed::into_error).and(stopped);
        }
        failures.append(&mut run_all(&mut self.lifecycle.after_stop, &self.handle).await);
        let report = Report { drained: open.saturating_sub(cut), cut, took: began.elapsed(), failures };
        info!(part = "API main", drained = report.drained, cut = report.cut, took = ?report.took, "Stopped");
        stopped.map(|()| report)
    }
}

/// Nobody waits for the server any more: everything is cut.
impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
        self.accepting.iter().for_each(JoinHandle::abort);
        self.handle.shared.cut();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("endpoints", &self.handle.endpoints).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}
