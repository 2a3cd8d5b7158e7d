//! Credits: how much a side may still send (protocol V3, "Credits").

/// Items with which each direction of a stream starts.
pub(crate) const START_ITEMS: u32 = 64;
/// Bytes with which each direction of a stream starts.
pub(crate) const START_BYTES: u32 = 64 * 1024;
/// Items to which a stream's window grows while they are taken as fast as they come. The bytes that may lie there
/// stay the same: small items are to fill them, too.
pub(crate) const MOST_ITEMS: u32 = 512;
/// Bytes with which each direction of a connection starts.
pub(crate) const START_CONNECTION: u32 = 8 * 1024 * 1024;

/// What we may still send on a stream.
///
/// One item may take the bytes below zero, so that an item need never be cut to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credit {
    items: i64,
    bytes: i64,
    /// Items that were sent and for which no grant has come: each earns one.
    sent: u32,
}

/// What a grant is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It gives back what was sent.
    Earned,
    /// Nothing was: it costs the other side nothing, and is counted.
    Unearned,
    /// It is more than anybody could mean.
    BeyondReason,
}

impl Default for Credit {
    fn default() -> Self {
        // Whoever wants a larger window from the start says so at once: that is not counted.
        Self { items: START_ITEMS.into(), bytes: START_BYTES.into(), sent: 1 }
    }
}

impl Credit {
    pub(crate) fn allows(&self) -> bool {
        self.items > 0 && self.bytes > 0
    }

    /// An item of `bytes` was sent.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.items -= 1;
        self.bytes -= bytes as i64;
        self.sent = self.sent.saturating_add(1);
    }

    /// So many items were sent, with `bytes` in all.
    pub(crate) fn spend_all(&mut self, items: u32, bytes: usize) {
        if items > 0 {
            self.items -= i64::from(items);
            self.bytes -= bytes as i64;
            self.sent = self.sent.saturating_add(items);
        }
    }

    /// How many items were sent since it was `before`, without a grant in between.
    pub(crate) fn spent_since(&self, before: &Self) -> u32 {
        u32::try_from(before.items - self.items).unwrap_or(0)
    }

    /// The other side has granted more.
    #[must_use]
    pub(crate) fn add(&mut self, items: u32, bytes: u32) -> Grant {
        self.items += i64::from(items);
        self.bytes += i64::from(bytes);
        if self.items > u32::MAX.into() || self.bytes > u32::MAX.into() {
            return Grant::BeyondReason;
        }
        match self.sent.checked_sub(1) {
            Some(left) => {
                self.sent = left;
                Grant::Earned
            }
            None => Grant::Unearned,
        }
    }
}

/// What the other side may still send, and how much of it our own side has taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Granted and not yet used up.
    items: i64,
    bytes: i64,
    /// Taken since the last grant.
    taken_items: u32,
    taken_bytes: u32,
    /// The window's size: a grant is due at half of either.
    size_items: u32,
    size_bytes: u32,
}

impl Window {
    /// The window with which every stream starts.
    pub(crate) fn stream() -> Self {
        Self::start(START_ITEMS, START_BYTES)
    }

    /// The window with which every connection starts; only its bytes count.
    pub(crate) fn connection() -> Self {
        Self::start(u32::MAX, START_CONNECTION)
    }

    fn start(items: u32, bytes: u32) -> Self {
        Self {
            items: items.into(),
            bytes: bytes.into(),
            taken_items: 0,
            taken_bytes: 0,
            size_items: items,
            size_bytes: bytes,
        }
    }

    /// How many items it has room for.
    pub(crate) fn items(&self) -> u32 {
        self.size_items
    }

    /// An item of `bytes` has come; false if it was sent without credit.
    #[must_use]
    pub(crate) fn receive(&mut self, bytes: usize) -> bool {
        let allowed = self.items > 0 && self.bytes > 0;
        self.items -= 1;
        self.bytes -= bytes as i64;
        allowed
    }

    /// An item of `bytes` was taken; the grant that is due now, if one is. It is for more than was taken if that was the
    /// last that lay there: then the other side is what is waited for.
    pub(crate) fn take(&mut self, bytes: usize, last: bool) -> Option<(u32, u32)> {
        self.taken_items += 1;
        self.taken_bytes = self.taken_bytes.saturating_add(bytes as u32);
        if self.taken_items < self.size_items / 2 && self.taken_bytes < self.size_bytes / 2 {
            return None;
        }
        let more = if last { self.size_items.min(MOST_ITEMS.saturating_sub(self.size_items)) } else { 0 };
        self.size_items += more;
        let grant = (std::mem::take(&mut self.taken_items) + more, std::mem::take(&mut self.taken_bytes));
        self.items += i64::from(grant.0);
        self.bytes += i64::from(grant.1);
        Some(grant)
    }

    /// Bytes of the connection's window were taken, where items do not count.
    pub(crate) fn take_bytes(&mut self, bytes: usize) -> Option<u32> {
        self.taken_bytes = self.taken_bytes.saturating_add(bytes as u32);
        if self.taken_bytes < self.size_bytes / 2 {
            return None;
        }
        let grant = std::mem::take(&mut self.taken_bytes);
        self.bytes += i64::from(grant);
        Some(grant)
    }

    /// Bytes have come on the connection, where items do not count; false if they were sent without credit.
    #[must_use]
    pub(crate) fn receive_bytes(&mut self, bytes: usize) -> bool {
        let allowed = self.bytes > 0;
        self.bytes -= bytes as i64;
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_may_take_the_bytes_below_zero() {
        let mut credit = Credit::default();
        credit.spend(1 << 20);
        assert!(!credit.allows());
        assert_eq!(credit.add(0, 1 << 20), Grant::Earned);
        assert!(credit.allows());
        assert_eq!(credit.add(1, 0), Grant::Earned, "a larger window, at the start");
        assert_eq!(credit.add(1, 0), Grant::Unearned);
    }

    #[test]
    fn a_window_and_the_credit_for_it_agree() {
        let (mut credit, mut window) = (Credit::default(), Window::stream());
        let mut sent = 0;
        for turn in 0..10_000usize {
            let size = turn * 7919 % 3000;
            if credit.allows() {
                credit.spend(size);
                assert!(window.receive(size));
                sent += 1;
                if let Some((items, bytes)) = window.take(size, turn % 3 == 0) {
                    assert_eq!(credit.add(items, bytes), Grant::Earned);
                }
            }
        }
        assert_eq!(sent, 10_000, "who takes at once never stops the sender");
    }

    #[test]
    fn who_takes_at_once_is_granted_more() {
        let mut window = Window::stream();
        let mut grow = |last| {
            let taken = (1..).find_map(|taken| Some((taken, window.take(1, last)?)));
            taken.map(|(taken, grant)| (taken, grant.0))
        };
        assert_eq!([false, true, true].map(&mut grow), [(32, 32), (32, 96), (64, 192)].map(Some));
        assert_eq!([true, true].map(&mut grow), [(128, 384), (256, 256)].map(Some));
    }

    #[test]
    fn nothing_is_granted_for_what_was_not_taken() {
        let mut window = Window::stream();
        let received = (0..).take_while(|_| window.receive(10)).count();
        assert_eq!(received, START_ITEMS as usize);
    }

    #[test]
    fn a_credit_beyond_reason_is_told() {
        let mut credit = Credit::default();
        assert_eq!(credit.add(u32::MAX, 0), Grant::BeyondReason);
    }
}
