use std::collections::VecDeque;

use bytes::Bytes;

use crate::wire::Encoding;

/// A payload of so many bytes or more is kept by itself: another copy of it would cost more than its allocation.
const LARGE: usize = 4 * 1024;

/// Room for small items beyond this is given back to the allocator, in bytes.
const KEEP_AT_MOST: usize = 16 * 1024;

/// Items that have come on a stream and were not taken, in their order.
///
/// The small ones lie in one buffer, so that neither taking an item over nor handing it out allocates.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    marks: VecDeque<Mark>,
    small: Vec<u8>,
    /// How many bytes of the small ones were taken.
    taken: usize,
    large: VecDeque<Bytes>,
    /// The bytes of all that is there.
    bytes: usize,
    /// How many items, and bytes of small ones, came last time: room for them is made at once.
    usual: (usize, usize),
}

/// An item among the others.
#[derive(Clone, Copy, Debug)]
struct Mark {
    encoding: Option<Encoding>,
    length: u32,
}

/// An item that is taken.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    /// None: raw bytes.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) payload: Payload<'a>,
}

/// The bytes of an item, as they lie there.
#[derive(Debug)]
pub(crate) enum Payload<'a> {
    Small(&'a [u8]),
    Large(Bytes),
}

impl Inbox {
    pub(super) fn push(&mut self, encoding: Option<Encoding>, payload: &[u8]) {
        if self.marks.capacity() == 0 {
            self.marks.reserve(self.usual.0);
            self.small.reserve(self.usual.1);
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.marks.push_back(Mark { encoding, length });
        self.bytes += payload.len();
        if payload.len() < LARGE {
            self.small.extend_from_slice(payload);
        } else {
            self.large.push_back(Bytes::copy_from_slice(payload));
        }
    }

    /// The next item.
    pub(super) fn take(&mut self) -> Option<Taken<'_>> {
        let Mark { encoding, length } = self.marks.pop_front()?;
        let length = length as usize;
        self.bytes -= length;
        let payload = if length < LARGE {
            let start = self.taken;
            self.taken += length;
            Payload::Small(&self.small[start..self.taken])
        } else {
            Payload::Large(self.large.pop_front()?)
        };
        Some(Taken { encoding, payload })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// How many items there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    /// The bytes of all that is there.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Throws everything away; the room stays, if it is not too much.
    pub(super) fn clear(&mut self) {
        self.marks.clear();
        self.small.clear();
        self.large.clear();
        (self.taken, self.bytes, self.usual) = (0, 0, (0, 0));
        self.rest();
    }

    /// Nothing is there, and nobody knows when more will come: gives much room back.
    pub(super) fn rest(&mut self) {
        debug_assert!(self.is_empty());
        if self.small.capacity() + self.marks.capacity() * size_of::<Mark>() > KEEP_AT_MOST {
            *self = Self { usual: self.usual, ..Self::default() };
        }
    }

    /// Puts all that is there into `other`, which must be empty; its room comes back.
    pub(super) fn hand_over(&mut self, other: &mut Self) {
        debug_assert!(other.is_empty());
        other.small.clear();
        other.taken = 0;
        other.usual = (self.marks.len(), self.small.len());
        std::mem::swap(self, other);
    }
}

impl Payload<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Payload::Small(bytes) => bytes.len(),
            Payload::Large(bytes) => bytes.len(),
        }
    }

    /// Bytes of one's own.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Payload::Small(bytes) => Bytes::copy_from_slice(bytes),
            Payload::Large(bytes) => bytes,
        }
    }
}

impl std::ops::Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Payload::Small(bytes) => bytes,
            Payload::Large(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_as_they_went_in() {
        let sizes = [0, 1, LARGE - 1, LARGE, LARGE + 1, 7, 0, 3 * LARGE];
        let (mut inbox, mut other) = (Inbox::default(), Inbox::default());
        for round in 0..3u8 {
            for (at, size) in sizes.into_iter().enumerate() {
                let encoding = (at % 2 == 0).then_some(Encoding::ZiProto);
                inbox.push(encoding, &vec![at as u8 + round; size]);
            }
            assert_eq!((inbox.len(), inbox.bytes()), (sizes.len(), sizes.iter().sum()));
            inbox.hand_over(&mut other);
            assert!(inbox.is_empty() && inbox.take().is_none());
            for (at, size) in sizes.into_iter().enumerate() {
                let taken = other.take().unwrap();
                assert_eq!(taken.encoding.is_some(), at % 2 == 0);
                assert_eq!(taken.payload.len(), size);
                assert!(taken.payload.iter().all(|byte| *byte == at as u8 + round));
            }
            assert!(other.take().is_none() && other.bytes() == 0);
        }
    }

    #[test]
    fn much_room_is_given_back() {
        let mut inbox = Inbox::default();
        inbox.push(None, &[1; 100]);
        inbox.clear();
        assert!(inbox.is_empty() && inbox.small.capacity() > 0);
        (0..1000).for_each(|_| inbox.push(None, &[1; 100]));
        inbox.clear();
        assert_eq!((inbox.small.capacity(), inbox.bytes()), (0, 0));

        let mut other = Inbox::default();
        (0..1000).for_each(|_| inbox.push(None, &[1; 100]));
        inbox.hand_over(&mut other);
        assert_eq!(std::iter::from_fn(|| other.take().map(drop)).count(), 1000);
        other.rest();
        inbox.rest();
        assert_eq!(inbox.small.capacity() + other.small.capacity(), 0);
        inbox.push(None, &[1; 100]);
        assert!(inbox.small.capacity() >= 100_000, "as much is likely to come");
    }
}
