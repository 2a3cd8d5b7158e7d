use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::backoff::Failures;
use super::connection::Connection;
use super::server::Server;
use super::shared::Shared;

/// A place for one connection to a server, and the task that fills it: it connects, waits until the connection ends,
/// and connects again.
pub(super) struct Slot {
    shared: Arc<Shared>,
    server: Arc<Server>,
    gone: watch::Receiver<bool>,
    failures: Failures,
}

/// Why a connection is not used any more.
enum End {
    /// It was lost, or the server goes away.
    Lost,
    /// Nobody has used it for long.
    Idle,
    /// The server is not to be used any more.
    Dismissed,
}

impl Slot {
    /// A slot that is filled as long as the server is used.
    pub(super) fn permanent(shared: &Arc<Shared>, server: &Arc<Server>) {
        if server.take_slot() {
            shared.runtime.spawn(Self::new(shared, server).fill());
        }
    }

    /// A slot for a time when the other connections are busy.
    pub(super) fn additional(shared: &Arc<Shared>, server: &Arc<Server>) {
        if server.take_slot() {
            shared.runtime.spawn(Self::new(shared, server).fill_once());
        }
    }

    fn new(shared: &Arc<Shared>, server: &Arc<Server>) -> Self {
        let gone = server.watch();
        Self { shared: shared.clone(), server: server.clone(), gone, failures: Failures::default() }
    }

    async fn fill(mut self) {
        while !*self.gone.borrow() {
            let held = match self.connect().await {
                Some(connection) => {
                    let since = Instant::now();
                    if matches!(self.keep(&connection, None).await, End::Dismissed) {
                        return;
                    }
                    info!(part = "Client", server = ?self.server.name, "A connection is lost; another is made");
                    since.elapsed()
                }
                None => Duration::ZERO,
            };
            self.pause(held).await;
        }
    }

    async fn fill_once(mut self) {
        let connection = self.connect().await;
        let pause = self.server.made_more(connection.is_some(), &self.shared.random);
        match connection {
            Some(connection) => {
                let limit = self.server.settings.idle_timeout;
                self.keep(&connection, Some(limit)).await;
            }
            // The slot stays taken meanwhile: a server that refuses is not asked by each call.
            None => self.wait(pause).await,
        }
    }

    async fn connect(&mut self) -> Option<Arc<Connection>> {
        let dialled = tokio::select! {
            biased;
            _ = self.gone.wait_for(|gone| *gone) => return None,
            dialled = self.shared.dialler.dial(&self.server) => dialled,
        };
        match dialled {
            Ok(peer) => {
                debug!(part = "Client", server = ?self.server.name, "Connected");
                let connection = Arc::new(Connection::new(peer, self.server.clone()));
                self.server.add(connection.clone());
                Some(connection)
            }
            Err(error) => {
                let problem = error.to_string();
                if self.server.set_problem(Some(problem.clone())) {
                    warn!(part = "Client", server = ?self.server.name, ?problem, "A server cannot be reached");
                }
                None
            }
        }
    }

    /// Waits until the connection is not to be used any more. Its calls go on; it closes with the last of them.
    async fn keep(&mut self, connection: &Arc<Connection>, idle: Option<Duration>) -> End {
        let end = loop {
            tokio::select! {
                biased;
                _ = self.gone.wait_for(|gone| *gone) => break End::Dismissed,
                () = connection.peer.closing() => break End::Lost,
                () = sleep(idle.unwrap_or_default()), if idle.is_some() => {
                    if connection.is_idle() {
                        break End::Idle;
                    }
                }
            }
        };
        self.server.remove(connection);
        end
    }

    async fn pause(&mut self, held: Duration) {
        let pause = self.failures.pause(&self.server.settings.backoff, held, &self.shared.random);
        self.wait(pause).await;
    }

    async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            biased;
            _ = self.gone.wait_for(|gone| *gone) => {}
            () = sleep(pause) => {}
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.server.free_slot();
    }
}
