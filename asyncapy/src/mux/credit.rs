//! Credits: how much a side may still send (protocol V3, "Credits").

use std::time::Duration;

use tokio::time::Instant;

/// Items with which each direction of a stream starts.
pub(crate) const START_ITEMS: u32 = 64;
/// Bytes with which each direction of a stream starts.
pub(crate) const START_BYTES: u32 = 64 * 1024;
/// Items to which a stream's window grows while they are taken as fast as they come.
pub(crate) const MOST_ITEMS: u32 = 2048;
/// Bytes to which it grows.
pub(crate) const MOST_BYTES: u32 = 256 * 1024;
/// Items to which it grows where others share the connection. The bytes are then those of the start.
pub(crate) const SHARED_ITEMS: u32 = 256;
/// Bytes with which each direction of a connection starts.
pub(crate) const START_CONNECTION: u32 = 8 * 1024 * 1024;
/// So many bytes that were taken are worth telling.
pub(crate) const CONSUMED: u32 = START_CONNECTION / 32;

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

/// What the other side may still send on a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    items: i64,
    bytes: i64,
}

impl Window {
    /// The window with which every stream starts.
    pub(crate) fn stream() -> Self {
        Self { items: START_ITEMS.into(), bytes: START_BYTES.into() }
    }

    /// An item of `bytes` has come; false if it was sent without credit.
    #[must_use]
    pub(crate) fn receive(&mut self, bytes: usize) -> bool {
        let allowed = self.items > 0 && self.bytes > 0;
        self.items -= 1;
        self.bytes -= bytes as i64;
        allowed
    }

    /// So much more was granted.
    pub(crate) fn grant(&mut self, (items, bytes): (u32, u32)) {
        self.items += i64::from(items);
        self.bytes += i64::from(bytes);
    }
}

/// How much of a stream our side has room for, and what it has taken since it granted something last.
///
/// The room doubles while whoever takes finds nothing there: then the other side is what is waited for. It shrinks again
/// when others share the connection, since all that is on its way stands before their replies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    items: u32,
    bytes: u32,
    taken_items: u32,
    taken_bytes: u32,
    /// Whether nothing was there since the last grant.
    starved: bool,
    /// How many streams the connection had had at the last grant.
    streams: u64,
    /// Until when the connection counts as shared.
    shared: Option<Instant>,
}

/// For so long after a stream was opened, the others on its connection take no more room than they share.
const SHARED: Duration = Duration::from_secs(1);

impl Room {
    /// That with which a stream starts, as the last of so many on its connection.
    pub(crate) fn new(streams: u64) -> Self {
        let (items, bytes) = (START_ITEMS, START_BYTES);
        Self { items, bytes, taken_items: 0, taken_bytes: 0, starved: false, streams, shared: None }
    }

    /// Nothing is there, and somebody waits for it.
    pub(crate) fn starve(&mut self) {
        self.starved = true;
    }

    /// An item of `bytes` was taken; whether a grant is due: at half of either.
    #[must_use]
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        self.taken_items += 1;
        self.taken_bytes = self.taken_bytes.saturating_add(bytes as u32);
        self.taken_items >= self.items / 2 || self.taken_bytes >= self.bytes / 2
    }

    /// The grant that is due, of items and bytes, and for how many items the room has grown. The connection has had so
    /// many streams by now.
    pub(crate) fn grant(&mut self, streams: u64, now: Instant) -> ((u32, u32), u32) {
        if std::mem::replace(&mut self.streams, streams) != streams {
            self.shared = Some(now + SHARED);
        }
        let shared = self.shared.is_some_and(|until| now < until);
        let starved = std::mem::take(&mut self.starved);
        let before = self.items;
        let most = if shared { (SHARED_ITEMS, START_BYTES) } else { (MOST_ITEMS, MOST_BYTES) };
        let items = resize(&mut self.items, std::mem::take(&mut self.taken_items), starved, most.0);
        let bytes = resize(&mut self.bytes, std::mem::take(&mut self.taken_bytes), starved, most.1);
        ((items, bytes), self.items.saturating_sub(before))
    }
}

/// Makes room larger or smaller, and gives what is to be granted for what was taken.
fn resize(size: &mut u32, taken: u32, starved: bool, most: u32) -> u32 {
    let wanted = if starved && taken >= *size / 2 { *size * 2 } else { *size };
    // What was granted cannot be taken back, only not granted anew.
    let new = wanted.min(most).max(size.saturating_sub(taken));
    let before = std::mem::replace(size, new);
    new.saturating_add(taken) - before
}

/// What the other side may still send on the connection, in bytes, and how much of it our side has taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionWindow {
    left: i64,
    /// Taken since the last grant.
    taken: u32,
}

impl ConnectionWindow {
    /// The window with which every connection starts.
    pub(crate) fn new() -> Self {
        Self { left: START_CONNECTION.into(), taken: 0 }
    }

    /// Bytes have come; false if they were sent without credit.
    #[must_use]
    pub(crate) fn receive(&mut self, bytes: usize) -> bool {
        let allowed = self.left > 0;
        self.left -= bytes as i64;
        allowed
    }

    /// Bytes were taken; the grant that is due now, if one is: at half of the window, or at [`CONSUMED`] where streams
    /// that nobody reads hold most of it, so that the others go on with what is left.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<u32> {
        self.taken = self.taken.saturating_add(bytes as u32);
        let scarce = self.left < i64::from(START_CONNECTION / 4);
        if self.taken < if scarce { CONSUMED } else { START_CONNECTION / 2 } {
            return None;
        }
        let grant = std::mem::take(&mut self.taken);
        self.left += i64::from(grant);
        Some(grant)
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
        let (mut credit, mut window, mut room) = (Credit::default(), Window::stream(), Room::new(1));
        let (now, mut sent) = (Instant::now(), 0);
        for turn in 0..10_000usize {
            let size = turn * 7919 % 3000;
            if credit.allows() {
                credit.spend(size);
                assert!(window.receive(size));
                sent += 1;
                if turn % 3 == 0 {
                    room.starve();
                }
                if room.take(size) {
                    let (grant, _) = room.grant(1, now);
                    window.grant(grant);
                    assert_eq!(credit.add(grant.0, grant.1), Grant::Earned);
                }
            }
        }
        assert_eq!(sent, 10_000, "who takes at once never stops the sender");
    }

    /// Takes items until a grant is due, and tells how many, the grant, and the growth.
    fn grant(room: &mut Room, bytes: usize, starved: bool) -> (u32, (u32, u32), u32) {
        if starved {
            room.starve();
        }
        let taken = (1..).find(|_| room.take(bytes)).unwrap();
        let (grant, grown) = room.grant(room.streams, Instant::now());
        (taken, grant, grown)
    }

    #[test]
    fn who_finds_nothing_is_granted_more() {
        let mut room = Room::new(1);
        assert_eq!(grant(&mut room, 1, false), (32, (32, 32), 0));
        assert_eq!(grant(&mut room, 1, true), (32, (96, 32), 64));
        assert_eq!(grant(&mut room, 1, false), (64, (64, 64), 0), "it was told once");
        let grown = (0..9).map(|_| grant(&mut room, 1, true).2);
        assert_eq!(grown.collect::<Vec<_>>(), [128, 256, 512, 1024, 0, 0, 0, 0, 0]);
        assert_eq!(room.items, MOST_ITEMS);

        let mut room = Room::new(1);
        assert_eq!(grant(&mut room, 16_384, true), (2, (2, 32_768 + 65_536), 0));
        assert_eq!(grant(&mut room, 16_384, true), (4, (4, 65_536 + 131_072), 0));
        assert_eq!(grant(&mut room, 16_384, true), (8, (8, 131_072), 0));
        assert_eq!(room.bytes, MOST_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn who_shares_the_connection_is_granted_less() {
        let mut room = Room::new(1);
        for _ in 0..9 {
            grant(&mut room, 1024, true);
        }
        assert_eq!((room.items, room.bytes), (512, MOST_BYTES));
        room.starve();
        assert_eq!((1..).find(|_| room.take(1024)), Some(128));
        assert_eq!(room.grant(2, Instant::now()), ((0, 0), 0), "what was taken is kept back");
        assert_eq!((room.items, room.bytes), (384, MOST_BYTES / 2));
        let grants = (0..4).map(|_| grant(&mut room, 1024, true));
        let kept = 32 * 1024;
        assert_eq!(
            grants.collect::<Vec<_>>(),
            [(64, (0, 0), 0), (32, (0, kept), 0), (32, (0, kept), 0), (32, (32, kept), 0)]
        );
        assert_eq!((room.items, room.bytes), (SHARED_ITEMS, START_BYTES));
        tokio::time::advance(SHARED).await;
        assert_eq!(grant(&mut room, 1024, true), (32, (32, 96 * 1024), 0), "it is alone again");
    }

    #[test]
    fn nothing_is_granted_for_what_was_not_taken() {
        let mut window = Window::stream();
        let received = (0..).take_while(|_| window.receive(10)).count();
        assert_eq!(received, START_ITEMS as usize);
    }

    #[test]
    fn a_connection_is_granted_sooner_where_little_is_left() {
        let mut window = ConnectionWindow::new();
        assert!(window.receive(1 << 20));
        assert_eq!(window.take(1 << 20), None);
        // Streams that nobody reads.
        assert!(window.receive(13 << 19));
        assert_eq!(window.take(1), Some((1 << 20) + 1));
        assert_eq!((window.take(256 * 1024 - 1), window.take(1)), (None, Some(256 * 1024)));
    }

    #[test]
    fn a_credit_beyond_reason_is_told() {
        let mut credit = Credit::default();
        assert_eq!(credit.add(u32::MAX, 0), Grant::BeyondReason);
    }
}
