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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::wire::Encoding;

    fn received(text: &'static str) -> Received {
        Received { frame: Bytes::from_static(text.as_bytes()), payload: 0, encoding: Encoding::Json }
    }

    fn poll(replies: &mut Replies, ticket: Ticket) -> Option<Result<Received>> {
        match replies.poll(ticket, &Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    fn text(polled: Option<Result<Received>>) -> Bytes {
        polled.unwrap().unwrap().frame
    }

    #[test]
    fn replies_go_by_turns_and_those_given_up_keep_theirs() {
        let mut replies = Replies::default();
        let mut woken = Vec::new();
        let later = Instant::now() + Duration::from_secs(1);
        let tickets: Vec<_> = (0..4).map(|_| replies.join(later).unwrap()).collect();
        assert!(poll(&mut replies, tickets[0]).is_none());
        replies.give_up(tickets[1]);
        for text in ["a", "b", "c"] {
            assert!(replies.deliver(received(text), &mut woken).is_none());
        }
        assert_eq!(woken.len(), 1, "only the first had been polled");
        // Taken in another order than they came.
        assert_eq!(text(poll(&mut replies, tickets[2])), "c");
        assert_eq!(text(poll(&mut replies, tickets[0])), "a");
        assert!(poll(&mut replies, tickets[3]).is_none());
        assert!(replies.deliver(received("d"), &mut woken).is_none());
        assert_eq!(text(poll(&mut replies, tickets[3])), "d");
        let unasked = replies.deliver(received("e"), &mut woken).unwrap();
        assert_eq!(unasked.frame, "e");
        assert_eq!((replies.free.len(), replies.slots.len()), (4, 4), "no place is lost");
    }

    #[test]
    fn places_given_up_after_the_reply_are_free() {
        let mut replies = Replies::default();
        let ticket = replies.join(Instant::now()).unwrap();
        assert!(replies.deliver(received("a"), &mut Vec::new()).is_none());
        replies.give_up(ticket);
        assert_eq!(replies.join(Instant::now()).unwrap(), ticket);
        assert!(poll(&mut replies, ticket).is_none(), "the old reply is not the new one's");
    }

    #[test]
    fn those_who_waited_too_long_are_told_and_keep_their_turn() {
        let mut replies = Replies::default();
        let mut woken = Vec::new();
        let start = Instant::now();
        let seconds = |count| start + Duration::from_secs(count);
        let late = replies.join(seconds(1)).unwrap();
        let good = replies.join(seconds(3)).unwrap();
        assert_eq!(replies.deadline(), Some(seconds(1)));
        replies.expire(seconds(2), &mut woken);
        assert_eq!(replies.deadline(), Some(seconds(3)));
        assert!(matches!(poll(&mut replies, late), Some(Err(Error::TimedOut))));
        assert!(replies.deliver(received("late"), &mut woken).is_none());
        assert_eq!(replies.deadline(), Some(seconds(3)));
        assert!(replies.deliver(received("good"), &mut woken).is_none());
        assert_eq!(text(poll(&mut replies, good)), "good");
        assert_eq!(replies.deadline(), None);
    }

    #[test]
    fn the_end_is_told_to_all_and_places_can_be_given_up_after_it() {
        let mut replies = Replies::default();
        let later = Instant::now() + Duration::from_secs(1);
        let (first, second) = (replies.join(later).unwrap(), replies.join(later).unwrap());
        replies.fail(|| Error::Closed, &mut Vec::new());
        assert!(matches!(poll(&mut replies, first), Some(Err(Error::Closed))));
        replies.give_up(second);
        assert_eq!((replies.owed(), replies.free.len()), (0, 2));
    }

    #[test]
    fn no_more_wait_than_allowed() {
        let mut replies = Replies::default();
        let later = Instant::now() + Duration::from_secs(1);
        for _ in 0..MOST {
            let ticket = replies.join(later).unwrap();
            replies.give_up(ticket);
        }
        assert!(matches!(replies.join(later), Err(Error::Overloaded)));
        assert_eq!(replies.slots.len(), 1, "given up places are used again");
    }
}
