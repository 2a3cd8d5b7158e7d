//! The server's life: functions that run before and after its start and its stop, and around each session.
//!
//! Before the start: `before_start`, then the places are bound, `on_start`, then connections are accepted, `after_start`.
//! At the stop: nothing more is accepted, `before_stop`, then the sessions are drained, `on_stop`, `after_stop`. Between
//! them, for each session, `on_connect` and `on_disconnect`. [`Builder`](super::Builder) takes them all.

mod builder;
mod ended;
mod hook;
mod session_hooks;

use tracing::debug;

pub use self::ended::Ended;
pub(super) use self::hook::{Failed, Hook};
pub(super) use self::session_hooks::SessionHooks;
use super::Handle;
use crate::error::HookFailure;

/// What runs around the server's start and stop; each list in the order in which it was given.
#[derive(Default)]
pub(super) struct Lifecycle {
    pub(super) before_start: Vec<Hook>,
    pub(super) on_start: Vec<Hook>,
    pub(super) after_start: Vec<Hook>,
    pub(super) before_stop: Vec<Hook>,
    pub(super) on_stop: Vec<Hook>,
    pub(super) after_stop: Vec<Hook>,
    /// Whether a hook of the start has done its part, so that those of the stop have something to undo.
    pub(super) begun: bool,
}

impl Lifecycle {
    /// Runs what must succeed for the start to go on.
    pub(super) async fn start(&mut self, which: Which, handle: &Handle) -> Result<(), Failed> {
        let hooks = match which {
            Which::Before => &mut self.before_start,
            Which::On => &mut self.on_start,
            Which::After => &mut self.after_start,
        };
        for hook in hooks.drain(..) {
            debug!(part = "API main", "Running setup function");
            hook.run(handle).await?;
            self.begun = true;
        }
        Ok(())
    }

    /// Runs what undoes a start that failed, if there is anything to undo.
    pub(super) async fn undo(&mut self, handle: &Handle) {
        if self.begun {
            // What fails has been logged: the failure of the start is what is told.
            let _ = run_all(&mut self.after_stop, handle).await;
        }
    }
}

/// The hooks of a start, by their place in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Before,
    On,
    After,
}

/// Runs every hook, whatever becomes of those before it; the failures.
pub(super) async fn run_all(hooks: &mut Vec<Hook>, handle: &Handle) -> Vec<HookFailure> {
    let mut failures = Vec::new();
    for hook in hooks.drain(..) {
        if let Err(failed) = hook.run(handle).await {
            failures.push(failed.failure);
        }
    }
    failures
}
