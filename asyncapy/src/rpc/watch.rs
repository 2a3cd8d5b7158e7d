use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Status;
use super::caller::Kept;
use super::middleware::Meters;
use crate::mux::Outcome;

/// Who is told of a stream that we have opened: the caller how it goes, middleware how many bytes have come.
pub(super) struct Watch {
    /// None once the stream has ended.
    kept: Mutex<Option<Box<dyn Kept>>>,
    /// Whether the caller need not be told that an item has come.
    answered: AtomicBool,
    meters: Option<Box<Meters>>,
}

impl Watch {
    /// None where nobody is to be told of anything.
    pub(super) fn new(kept: Option<Box<dyn Kept>>, meters: Option<Box<Meters>>) -> Option<Box<Self>> {
        if kept.is_none() && meters.is_none() {
            return None;
        }
        let answered = AtomicBool::new(kept.is_none());
        Some(Box::new(Self { kept: Mutex::new(kept), answered, meters }))
    }

    /// An item has come, with a payload of so many bytes.
    pub(super) fn item(&self, bytes: usize) {
        if !self.answered.load(Ordering::Relaxed) && !self.answered.swap(true, Ordering::Relaxed) {
            self.kept().iter_mut().for_each(|kept| kept.answered());
        }
        if let Some(meters) = &self.meters {
            meters.received(bytes);
        }
    }

    /// The stream has ended so; only the first to say it is heard.
    pub(super) fn end(&self, outcome: &Outcome) {
        let Some(mut kept) = self.kept().take() else { return };
        match outcome {
            Outcome::Result(_) | Outcome::Empty => kept.ended(None),
            outcome => kept.ended(Some(&Status::of(outcome.clone()))),
        }
    }

    /// Whether nobody has said how the stream has ended.
    pub(super) fn is_open(&self) -> bool {
        self.kept().is_some()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Box<dyn Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
