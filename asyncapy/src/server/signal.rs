//! The signals that stop a server.

use crate::error::Result;

/// Ctrl-C and SIGTERM.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

/// Listens from now on.
///
/// # Errors
/// If the system does not let us.
#[cfg(unix)]
pub(crate) fn listen() -> Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "where there are UNIX signals it can fail")]
pub(crate) fn listen() -> Result<Signals> {
    Ok(Signals {})
}

impl Signals {
    /// Waits for one and names it.
    #[cfg(unix)]
    pub(crate) async fn recv(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn recv(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nobody can send it, then.
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
