use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use ring::aead::{Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce};

use super::SealError;

/// How much longer sealing makes a payload, in bytes: the tag.
pub const SEAL_OVERHEAD: usize = MAX_TAG_LEN;

/// How many frames may be sealed in one direction of a connection: 2^48, nine years at a million a second. Then it must
/// end. The counter itself would wrap at 2^64, and the cipher has no bound before that.
pub const SEAL_LIMIT: u64 = 1 << 48;

/// The key of one direction and the number of its next frame.
struct Direction {
    key: LessSafeKey,
    next: u64,
    retired: Arc<AtomicBool>,
}

impl Direction {
    /// The next frame's nonce, used up whatever becomes of it.
    fn nonce(&mut self) -> Result<Nonce, SealError> {
        // Only a flag: nothing else is read that was written before it.
        if self.retired.load(Ordering::Relaxed) {
            return Err(SealError::Retired);
        }
        if self.next >= SEAL_LIMIT {
            return Err(SealError::Exhausted);
        }
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 8..].copy_from_slice(&self.next.to_be_bytes());
        self.next += 1;
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}

/// Seals what this side sends, frame by frame, in the order in which the frames are written.
pub struct Sealing(Direction);

impl Sealing {
    pub(super) fn new(key: LessSafeKey, retired: Arc<AtomicBool>) -> Self {
        Self(Direction { key, next: 0, retired })
    }

    /// Seals in place the payload that lies in `out` from `payload` to the end, and appends the tag of
    /// [`SEAL_OVERHEAD`] bytes. What lies from `frame` to `payload` (from the version byte on, flags set) is bound to it.
    ///
    /// Every frame that is sealed must be written, in this order.
    ///
    /// # Errors
    /// [`SealError::Retired`], [`SealError::Exhausted`]: the connection must end. `out` is as it was.
    ///
    /// # Panics
    /// Unless `frame <= payload <= out.len()`.
    pub fn seal_in_place(
        &mut self,
        out: &mut BytesMut,
        frame: usize,
        payload: usize,
    ) -> Result<(), SealError> {
        let nonce = self.0.nonce()?;
        let (head, plain) = out.split_at_mut(payload);
        let tag = self.0.key.seal_in_place_separate_tag(nonce, Aad::from(&head[frame..]), plain);
        // The cipher refuses more than 256 GiB at once.
        out.extend_from_slice(tag.map_err(|_| SealError::Exhausted)?.as_ref());
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn skip_to(&mut self, next: u64) {
        self.0.next = next;
    }
}

/// Opens what the other side has sealed, in the order in which it comes.
pub struct Opening {
    direction: Direction,
    // After one failure nothing opens any more, so that nobody can go on trying.
    failed: bool,
}

impl Opening {
    pub(super) fn new(key: LessSafeKey, retired: Arc<AtomicBool>) -> Self {
        Self { direction: Direction { key, next: 0, retired }, failed: false }
    }

    /// Opens a sealed payload in place: the plain one is its beginning, of the length returned. `frame` is what lies
    /// before it, from the version byte on.
    ///
    /// # Errors
    /// [`SealError::Invalid`] if this is not the frame that the other side sealed next under the same keys;
    /// [`SealError::Retired`], [`SealError::Exhausted`]. The connection must end, and `payload` holds nothing of use.
    pub fn open(&mut self, frame: &[u8], payload: &mut [u8]) -> Result<usize, SealError> {
        if self.failed {
            return Err(SealError::Invalid);
        }
        let nonce = self.direction.nonce()?;
        let plain = self.direction.key.open_in_place(nonce, Aad::from(frame), payload);
        self.failed = plain.is_err();
        plain.map(|plain| plain.len()).map_err(|_| SealError::Invalid)
    }

    #[cfg(test)]
    pub(super) fn skip_to(&mut self, next: u64) {
        self.direction.next = next;
    }
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").field("next", &self.0.next).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { direction, failed } = self;
        f.debug_struct("Opening")
            .field("next", &direction.next)
            .field("failed", failed)
            .finish_non_exhaustive()
    }
}
