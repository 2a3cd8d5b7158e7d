use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Whom the socket wakes: the driver, or the one request that waits, which then reads its reply without the driver.
///
/// The socket holds this rather than the connection, so that the two do not keep each other alive.
#[derive(Debug, Default)]
pub(super) struct Signal(Mutex<Parties>);

#[derive(Debug, Default)]
struct Parties {
    /// None while the driver is about to run: it comes back here each time that it has nothing left to do.
    driver: Option<Waker>,
    /// Whether the driver was woken to write what a request has queued, and more are likely to follow.
    gathering: bool,
    /// The request that is alone on the connection.
    sole: Option<Waker>,
}

impl Signal {
    fn parties(&self) -> MutexGuard<'_, Parties> {
        // Nothing under this lock can panic halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The driver is about to look; whatever happens from now on wakes it again.
    pub(super) fn attend(&self, driver: &Waker) {
        let mut parties = self.parties();
        match &mut parties.driver {
            Some(known) => known.clone_from(driver),
            none => *none = Some(driver.clone()),
        }
    }

    /// The socket wakes this request from now on.
    pub(super) fn prefer(&self, sole: &Waker) {
        let mut parties = self.parties();
        match &mut parties.sole {
            Some(known) => known.clone_from(sole),
            none => *none = Some(sole.clone()),
        }
    }

    /// The socket wakes the driver again.
    pub(super) fn prefer_driver(&self) {
        self.parties().sole = None;
    }

    /// Wakes the driver, and leaves the socket to it.
    pub(super) fn wake_driver(&self) {
        self.call(false);
    }

    /// Wakes the driver to write what was queued, once those who are about to queue something have done so.
    pub(super) fn gather(&self) {
        self.call(true);
    }

    /// Whether the driver was woken to gather; told once.
    pub(super) fn take_gathering(&self) -> bool {
        std::mem::take(&mut self.parties().gathering)
    }

    fn call(&self, gathering: bool) {
        let driver = {
            let mut parties = self.parties();
            parties.sole = None;
            let driver = parties.driver.take();
            parties.gathering |= gathering && driver.is_some();
            driver
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = {
            let mut parties = self.parties();
            parties.sole.take().or_else(|| parties.driver.take())
        };
        if let Some(woken) = woken {
            woken.wake();
        }
    }
}
