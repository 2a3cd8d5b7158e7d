use std::task::{Context, Waker};

/// Those who wait for the same thing: mostly one, but a handle can be shared.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Waiters {
    /// Keeps the waker of whoever asks, once.
    pub(super) fn wait(&mut self, context: &Context<'_>) {
        match &self.first {
            Some(known) if known.will_wake(context.waker()) => {}
            Some(_) => {
                if !self.others.iter().any(|known| known.will_wake(context.waker())) {
                    self.others.push(context.waker().clone());
                }
            }
            None => self.first = Some(context.waker().clone()),
        }
    }

    /// Hands all of them out.
    pub(super) fn call(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.first.take());
        woken.append(&mut self.others);
    }

    pub(super) fn clear(&mut self) {
        self.first = None;
        self.others.clear();
    }
}
