use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Why a function of the application's that the server waits for came to nothing.
#[derive(Debug)]
pub(super) enum Fault {
    Panicked(String),
    TimedOut(Duration),
}

/// Waits for a function of the application's, no longer than `time`; a panic of it is its own.
pub(super) async fn within<F: Future>(time: Duration, future: F) -> Result<F::Output, Fault> {
    let mut future = pin!(future);
    let caught = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(Fault::Panicked(text(&*panic)))),
    });
    tokio::time::timeout(time, caught).await.unwrap_or(Err(Fault::TimedOut(time)))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no text").to_owned()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Panicked(text) => write!(f, "it panicked: {text:?}"),
            Fault::TimedOut(time) => write!(f, "it took longer than `hook_timeout`, {time:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_well_is_told() {
        let time = Duration::from_secs(10);
        assert_eq!(within(time, async { 7 }).await.unwrap(), 7);
        let slow = within(time, std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(slow.to_string(), "it took longer than `hook_timeout`, 10s");
        let panicked = within(time, async { panic!("at {}", 1) }).await.map(|(): ()| ()).unwrap_err();
        assert_eq!(panicked.to_string(), "it panicked: \"at 1\"");
    }
}
