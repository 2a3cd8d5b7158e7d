use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

/// One timer for all deadlines of a connection.
///
/// A deadline that moves away with every packet costs nothing: the timer is only set anew when it rings too early, or
/// when a nearer deadline comes up.
pub(crate) struct Timer<'a> {
    sleep: Pin<&'a mut Sleep>,
}

impl<'a> Timer<'a> {
    pub(crate) fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Self { sleep }
    }

    /// Ready when `deadline` has passed.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.sleep.deadline() > deadline || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(deadline);
        }
        loop {
            std::task::ready!(self.sleep.as_mut().poll(context));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(deadline);
        }
    }
}
