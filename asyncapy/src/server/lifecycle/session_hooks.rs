use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tracing::error;

use super::Ended;
use crate::handler::Session;
use crate::server::fault::within;
use crate::server::guard::Refusal;

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type OnConnect = dyn Fn(Session) -> Pending<Result<(), Refusal>> + Send + Sync;
type OnDisconnect = dyn Fn(Session, Ended) -> Pending<()> + Send + Sync;

/// What runs when a session begins and when it has ended.
#[derive(Default)]
pub(in crate::server) struct SessionHooks {
    connect: Vec<Placed<OnConnect>>,
    disconnect: Vec<Placed<OnDisconnect>>,
    /// How many sessions have ended whose `on_disconnect` functions still run: the stop waits for them.
    parting: watch::Sender<usize>,
}

/// A function and where it was given to the builder.
struct Placed<F: ?Sized> {
    at: &'static Location<'static>,
    function: Box<F>,
}

impl SessionHooks {
    pub(super) fn on_connect<F, R>(&mut self, at: &'static Location<'static>, function: F)
    where
        F: Fn(Session) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.connect.push(Placed { at, function: Box::new(move |session| Box::pin(function(session))) });
    }

    pub(super) fn on_disconnect<F, R>(&mut self, at: &'static Location<'static>, function: F)
    where
        F: Fn(Session, Ended) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let function = move |session, ended| -> Pending<()> { Box::pin(function(session, ended)) };
        self.disconnect.push(Placed { at, function: Box::new(function) });
    }

    pub(in crate::server) fn is_empty(&self) -> bool {
        self.connect.is_empty() && self.disconnect.is_empty()
    }

    /// Asks each `on_connect` function, and counts in `passed` those that let the session in.
    pub(in crate::server) async fn connect(
        &self,
        session: &Session,
        time: Duration,
        passed: &mut usize,
    ) -> Result<(), Refusal> {
        for Placed { at, function } in &self.connect {
            let decided = within(time, async { function(session.clone()).await }).await;
            decided.unwrap_or_else(|fault| {
                error!(part = "Client handler", hook = "on_connect", %at, %fault, "A hook failed");
                Err(Refusal::of_fault(&fault))
            })?;
            *passed += 1;
        }
        Ok(())
    }

    /// Runs every `on_disconnect` function, whatever becomes of those before it.
    pub(in crate::server) async fn disconnect(&self, session: &Session, ended: &Ended, time: Duration) {
        if self.disconnect.is_empty() {
            return;
        }
        let _parting = Parting::new(&self.parting);
        for Placed { at, function } in &self.disconnect {
            let done = within(time, async { function(session.clone(), ended.clone()).await }).await;
            if let Err(fault) = done {
                error!(part = "Client handler", hook = "on_disconnect", %at, %fault, "A hook failed");
            }
        }
    }

    /// How many sessions have ended whose `on_disconnect` functions still run.
    pub(in crate::server) fn parting(&self) -> usize {
        *self.parting.borrow()
    }

    /// Waits until no `on_disconnect` function runs.
    pub(in crate::server) async fn parted(&self) {
        // An error would mean that the sender is gone, which is here.
        let _ = self.parting.subscribe().wait_for(|parting| *parting == 0).await;
    }
}

/// A session whose `on_disconnect` functions run, counted while they do.
struct Parting<'a>(&'a watch::Sender<usize>);

impl<'a> Parting<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|parting| *parting += 1);
        Self(count)
    }
}

impl Drop for Parting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|parting| *parting -= 1);
    }
}
