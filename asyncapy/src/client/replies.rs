use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::received::Received;
use crate::error::{Error, Result};

/// So many replies may be owed at once; those count whose requests were given up.
const MOST: usize = 64 * 1024;

/// The requests that wait, in the order in which their packets went out: V2 has no numbers on packets, replies come in
/// the order of what they answer.
///
/// A request that is given up keeps its turn: the reply that comes for it is dropped, never handed to the next one.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// Whose turn is when.
    turns: VecDeque<Turn>,
    /// The number of turns that have passed: the number of the first in `turns`.
    passed: u64,
    /// So many at the front have been told already that they waited too long.
    late: usize,
    /// The requests' places; the ones in `free` are nobody's.
    slots: Vec<Slot>,
    free: Vec<Ticket>,
}

/// A request's place.
pub(super) type Ticket = usize;

#[derive(Debug)]
struct Turn {
    /// None where the request was given up.
    ticket: Option<Ticket>,
    /// When it has waited too long.
    deadline: Instant,
}

#[derive(Debug)]
enum Slot {
    Free,
    Waiting {
        /// The number of its turn.
        number: u64,
        waker: Option<Waker>,
    },
    Done(Result<Received>),
}

impl Replies {
    /// A turn after all others.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if too many wait.
    pub(super) fn join(&mut self, deadline: Instant) -> Result<Ticket> {
        if self.turns.len() >= MOST {
            return Err(Error::Overloaded);
        }
        let slot = Slot::Waiting { number: self.passed + self.turns.len() as u64, waker: None };
        let ticket = match self.free.pop() {
            Some(ticket) => {
                self.slots[ticket] = slot;
                ticket
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.turns.push_back(Turn { ticket: Some(ticket), deadline });
        Ok(ticket)
    }

    /// How many replies are owed.
    pub(super) fn owed(&self) -> usize {
        self.turns.len()
    }

    /// What has come of the request; its place is free after that.
    pub(super) fn poll(&mut self, ticket: Ticket, context: &Context<'_>) -> Poll<Result<Received>> {
        match &mut self.slots[ticket] {
            Slot::Waiting { waker: Some(known), .. } => known.clone_from(context.waker()),
            Slot::Waiting { waker, .. } => *waker = Some(context.waker().clone()),
            slot @ Slot::Done(_) => {
                if let Slot::Done(result) = std::mem::replace(slot, Slot::Free) {
                    self.free.push(ticket);
                    return Poll::Ready(result);
                }
            }
            // Polled again after it was ready, which no future needs to answer.
            Slot::Free => {}
        }
        Poll::Pending
    }

    /// Nobody waits for the request's reply any more.
    pub(super) fn give_up(&mut self, ticket: Ticket) {
        if let Slot::Waiting { number, .. } = self.slots[ticket] {
            let at = (number - self.passed) as usize;
            self.turns[at].ticket = None;
        }
        self.slots[ticket] = Slot::Free;
        self.free.push(ticket);
    }

    /// Hands a packet to the request whose turn it is; back, if none waits.
    pub(super) fn deliver(&mut self, received: Received, woken: &mut Vec<Waker>) -> Option<Received> {
        let Some(turn) = self.turns.pop_front() else { return Some(received) };
        self.passed += 1;
        self.late = self.late.saturating_sub(1);
        if let Some(ticket) = turn.ticket {
            self.finish(ticket, Ok(received), woken);
        }
        None
    }

    /// The next moment at which somebody has waited too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.turns.get(self.late).map(|turn| turn.deadline)
    }

    /// Tells those who have waited too long.
    pub(super) fn expire(&mut self, now: Instant, woken: &mut Vec<Waker>) {
        while let Some(turn) = self.turns.get_mut(self.late) {
            if turn.deadline > now {
                return;
            }
            self.late += 1;
            if let Some(ticket) = turn.ticket.take() {
                self.finish(ticket, Err(Error::TimedOut), woken);
            }
        }
    }

    /// Tells everybody that no more replies come.
    pub(super) fn fail(&mut self, error: impl Fn() -> Error, woken: &mut Vec<Waker>) {
        self.passed += self.turns.len() as u64;
        self.late = 0;
        for turn in std::mem::take(&mut self.turns) {
            if let Some(ticket) = turn.ticket {
                self.finish(ticket, Err(error()), woken);
            }
        }
    }

    fn finish(&mut self, ticket: Ticket, result: Result<Received>, woken: &mut Vec<Waker>) {
        let before = std::mem::replace(&mut self.slots[ticket], Slot::Done(result));
        if let Slot::Waiting { waker: Some(waker), .. } = before {
            woken.push(waker);
        }
    }
}
