use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

use tracing::error;

use crate::error::{Error, HookFailure, Result};
use crate::server::Handle;
use crate::server::fault::within;

/// A function around the server's start or stop, and where it was given to the builder.
pub(in crate::server) struct Hook {
    /// The builder's method that took it.
    name: &'static str,
    at: &'static Location<'static>,
    function: Box<dyn FnOnce(Handle) -> Running + Send + Sync>,
}

type Running = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A hook that failed.
#[derive(Debug)]
pub(in crate::server) struct Failed {
    pub(in crate::server) failure: HookFailure,
    /// What the function itself returned; `None` if it panicked or took too long.
    error: Option<Error>,
}

impl Hook {
    pub(super) fn new<F, R>(name: &'static str, at: &'static Location<'static>, function: F) -> Self
    where
        F: FnOnce(Handle) -> R + Send + Sync + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        // What the function does before its first wait is caught as well.
        Self { name, at, function: Box::new(|handle| Box::pin(async move { function(handle).await })) }
    }

    /// Runs it, no longer than `hook_timeout`; a failure is logged.
    pub(in crate::server) async fn run(self, handle: &Handle) -> Result<(), Failed> {
        let time = handle.shared.limits.hook_timeout;
        let (why, error) = match within(time, (self.function)(handle.clone())).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => (error.to_string(), Some(error)),
            Err(fault) => (fault.to_string(), None),
        };
        let failure = HookFailure::new(self.name, self.at, why);
        error!(part = "API main", hook = self.name, at = %self.at, error = ?failure.why(), "A hook failed");
        Err(Failed { failure, error })
    }
}

impl Failed {
    /// The error as the hook's kind tells it: `on_start` and `on_stop` have always told their own.
    pub(in crate::server) fn into_error(self) -> Error {
        match self.error {
            Some(error) if self.failure.hook().starts_with("on_") => error,
            _ => Error::Hook(self.failure),
        }
    }
}
