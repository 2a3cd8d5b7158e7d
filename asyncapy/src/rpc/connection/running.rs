use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::error::Code;
use crate::mux::{Credit, Key};
use crate::rpc::context::Cancelled;
use crate::rpc::invocation::Invocation;
use crate::wire::Encoding;

/// The calls of a connection that wait for something, each with a waker of its own: only those that were woken are
/// polled.
#[derive(Default)]
pub(super) struct Running {
    places: Vec<Place>,
    free: Vec<u32>,
    woken: Arc<Woken>,
    /// A list that `take_woken` has handed out before, to be used again.
    spare: Vec<u32>,
    count: usize,
    /// How many of them wait for credit or room.
    stalled: usize,
    /// The earliest deadline, or an earlier moment.
    deadline: Option<Instant>,
    /// Where waking those that are stalled begins: each is the first now and then.
    turn: usize,
}

struct Place {
    bell: Arc<Bell>,
    waker: Waker,
    work: Option<Work>,
}

/// A call that waits.
pub(super) struct Work {
    /// None once it was taken out to be used again.
    pub(super) call: Option<Pin<Box<dyn Invocation>>>,
    pub(super) function: usize,
    pub(super) stream: u32,
    pub(super) encoding: Encoding,
    pub(super) deadline: Option<Instant>,
    /// What the caller is told when the deadline passes.
    pub(super) late: Code,
    pub(super) credit: Credit,
    /// Whether it has an item that waits for credit or room.
    pub(super) stalled: bool,
    /// The stream, where a handle takes part in it.
    pub(super) channel: Option<Key>,
    pub(super) cancelled: Option<Cancelled>,
    /// When it began.
    pub(super) since: Instant,
    pub(super) _permit: Option<OwnedSemaphorePermit>,
}

/// A call that was given up, however that came about, tells whoever asked.
impl Drop for Work {
    fn drop(&mut self) {
        if let Some(cancelled) = &self.cancelled {
            cancelled.cancel();
        }
    }
}

/// The places that were woken, and the connection that waits for that.
#[derive(Default)]
struct Woken {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: Vec<u32>,
    driver: Option<Waker>,
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rings for one place.
struct Bell {
    place: u32,
    rung: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let driver = {
            let mut state = self.woken.lock();
            state.places.push(self.place);
            state.driver.take()
        };
        driver.into_iter().for_each(Waker::wake);
    }
}

impl Running {
    /// A free place for whoever may come to stand there.
    pub(super) fn reserve(&mut self) -> u32 {
        self.free.last().copied().unwrap_or_else(|| {
            let place = self.places.len() as u32;
            let bell = Arc::new(Bell { place, rung: AtomicBool::new(false), woken: self.woken.clone() });
            self.places.push(Place { waker: Waker::from(bell.clone()), bell, work: None });
            self.free.push(place);
            place
        })
    }

    /// What wakes whoever stands at a place that `reserve` has given.
    pub(super) fn bell(&self, place: u32) -> &Waker {
        &self.places[place as usize].waker
    }

    /// Puts a call where `reserve` has found room.
    pub(super) fn put(&mut self, place: u32, work: Work) {
        if let Some(deadline) = work.deadline
            && self.deadline.is_none_or(|earliest| earliest > deadline)
        {
            self.deadline = Some(deadline);
        }
        if self.free.last() == Some(&place) {
            self.free.pop();
        } else {
            self.free.retain(|free| *free != place);
        }
        self.stalled += usize::from(work.stalled);
        self.places[place as usize].work = Some(work);
        self.count += 1;
    }

    /// Takes a call out, to poll it or for good.
    pub(super) fn take(&mut self, place: u32) -> Option<Work> {
        let work = self.places.get_mut(place as usize)?.work.take()?;
        self.free.push(place);
        self.count -= 1;
        self.stalled -= usize::from(work.stalled);
        Some(work)
    }

    pub(super) fn get(&mut self, place: u32) -> Option<&mut Work> {
        self.places.get_mut(place as usize)?.work.as_mut()
    }

    pub(super) fn waker(&self, place: u32) -> Option<Waker> {
        self.places.get(place as usize).map(|place| place.waker.clone())
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The places that were woken since this was last asked.
    pub(super) fn take_woken(&mut self) -> Option<Vec<u32>> {
        let mut list = std::mem::take(&mut self.spare);
        let mut state = self.woken.lock();
        state.driver = None;
        if state.places.is_empty() {
            drop(state);
            self.spare = list;
            return None;
        }
        std::mem::swap(&mut state.places, &mut list);
        drop(state);
        for place in &list {
            if let Some(place) = self.places.get(*place as usize) {
                // What was done before the bell was rung is seen by the poll that follows.
                place.bell.rung.swap(false, Ordering::AcqRel);
            }
        }
        Some(list)
    }

    /// Takes a list back that `take_woken` gave.
    pub(super) fn give_back(&mut self, mut list: Vec<u32>) {
        list.clear();
        self.spare = list;
    }

    /// Wakes the calls that wait for credit or room.
    pub(super) fn wake_stalled(&mut self) {
        if self.stalled == 0 {
            return;
        }
        let from = self.turn.min(self.places.len());
        let (before, after) = self.places.split_at(from);
        let mut stalled = (from..)
            .zip(after)
            .chain((0..).zip(before))
            .filter(|(_, place)| place.work.as_ref().is_some_and(|work| work.stalled));
        let Some((first, place)) = stalled.next() else { return };
        place.waker.wake_by_ref();
        stalled.for_each(|(_, place)| place.waker.wake_by_ref());
        self.turn = first + 1;
    }

    /// Whether somebody was woken; if not, `driver` is woken when somebody is.
    pub(super) fn attend(&self, driver: &Waker) -> bool {
        if self.places.is_empty() {
            return false;
        }
        let mut state = self.woken.lock();
        if !state.places.is_empty() {
            return true;
        }
        match &mut state.driver {
            Some(known) => known.clone_from(driver),
            none => *none = Some(driver.clone()),
        }
        false
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The places of calls whose deadline has passed.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<u32> {
        let mut earliest: Option<Instant> = None;
        let mut late = Vec::new();
        for (place, work) in
            self.places.iter().enumerate().filter_map(|(place, it)| Some((place, it.work.as_ref()?)))
        {
            match work.deadline {
                Some(deadline) if deadline <= now => late.push(place as u32),
                Some(deadline) => {
                    earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
                }
                None => {}
            }
        }
        self.deadline = earliest;
        late
    }

    /// The places of all calls.
    pub(super) fn all(&self) -> Vec<u32> {
        let occupied = |(place, it): (usize, &Place)| it.work.is_some().then_some(place as u32);
        self.places.iter().enumerate().filter_map(occupied).collect()
    }
}
