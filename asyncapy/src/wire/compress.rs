use std::cell::RefCell;
use std::fmt;

use bytes::BytesMut;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall;
use zstd::zstd_safe::{self, CCtx, DCtx};

use crate::error::{Code, Error};

/// What every zstd frame begins with (RFC 8878, 3.1.1). Skippable frames begin otherwise; a payload is none.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The slowest level. Those above are made for archives and take hundreds of megabytes a thread.
const SLOWEST: i32 = 19;

/// Bytes of working space that a thread keeps from one payload to the next.
const KEPT: usize = 1 << 20;

/// The first guess at what a payload becomes that does not say it, in bytes.
const GUESS: usize = 4 << 10;

/// Compressing keeps some hundred kilobytes of tables, which to make costs more than a small payload.
struct Compressor {
    context: CCtx<'static>,
    space: Vec<u8>,
}

thread_local! {
    static COMPRESSOR: RefCell<Compressor> =
        RefCell::new(Compressor { context: CCtx::create(), space: Vec::new() });
    static DECOMPRESSOR: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// Why a payload does not decompress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecompressError {
    /// It would be longer than allowed. No more than `limit` bytes were made room for.
    TooLarge {
        /// The most that is allowed, in bytes.
        limit: usize,
    },
    /// It is not exactly one whole zstd frame.
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
}

impl DecompressError {
    /// The code that the peer reads.
    pub fn code(&self) -> Code {
        match self {
            DecompressError::TooLarge { .. } => Code::PacketTooLarge,
            DecompressError::Malformed { .. } => Code::RequestMalformed,
        }
    }
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecompressError::TooLarge { limit } => {
                write!(f, "a compressed payload would be longer than the {limit} bytes that are allowed")
            }
            DecompressError::Malformed { reason } => write!(f, "a compressed payload: {reason}"),
        }
    }
}

impl std::error::Error for DecompressError {}

impl From<DecompressError> for Error {
    fn from(error: DecompressError) -> Self {
        Error::Protocol(error.to_string())
    }
}

/// Compresses what `out` holds from `from` on, in place; says whether it did.
///
/// What is shorter than `threshold` bytes, or would not get shorter, stays as it is. `level` is zstd's: 1 (fast) to 19
/// (small), 3 being its own default; 0 means that default, and what lies outside is taken for the nearest one.
///
/// ```
/// use asyncapy::wire::{compress, decompress};
/// use bytes::BytesMut;
///
/// let mut out = BytesMut::from(&b"header"[..]);
/// out.extend_from_slice(&[b'a'; 1_000]);
/// assert!(compress(&mut out, 6, 1, 256));
/// assert!(out.starts_with(b"header") && out.len() < 50);
///
/// let mut plain = BytesMut::new();
/// decompress(&out[6..], 1_000, &mut plain)?;
/// assert_eq!(plain, [b'a'; 1_000][..]);
/// assert!(decompress(&out[6..], 999, &mut plain).is_err());
/// # Ok::<(), asyncapy::Error>(())
/// ```
///
/// # Panics
/// `from` lies behind the end of `out`.
pub fn compress(out: &mut BytesMut, from: usize, level: i32, threshold: usize) -> bool {
    let length = out.len() - from;
    if length == 0 || length < threshold {
        return false;
    }
    COMPRESSOR.with_borrow_mut(|Compressor { context, space }| {
        space.clear();
        // No room for more than it may become: zstd then gives up early on what does not compress.
        space.reserve_exact(length);
        let level = level.clamp(zstd_safe::min_c_level(), SLOWEST);
        let smaller = context.compress(space, &out[from..], level).is_ok() && space.len() < length;
        if smaller {
            out.truncate(from);
            out.extend_from_slice(space);
        }
        space.clear();
        space.shrink_to(KEPT);
        smaller
    })
}

/// Appends to `out` what a compressed payload holds, at most `limit` bytes of it.
///
/// The length that a payload declares is looked at before any room is made; where it declares none, the room grows
/// with what comes, up to the limit. So a bomb costs its sender's limit and no more.
///
/// # Errors
/// It is too large, or no single whole zstd frame. `out` is then as it was.
pub fn decompress(payload: &[u8], limit: usize, out: &mut BytesMut) -> Result<(), DecompressError> {
    let malformed = |reason| DecompressError::Malformed { reason };
    if !payload.starts_with(&MAGIC) {
        return Err(malformed("it does not begin as zstd does"));
    }
    // Walks the headers of the blocks; nothing is decoded yet.
    match zstd_safe::find_frame_compressed_size(payload) {
        Ok(length) if length == payload.len() => {}
        Ok(_) => return Err(malformed("something stands behind its end")),
        Err(_) => return Err(malformed("it is cut off or damaged")),
    }
    let declared =
        zstd_safe::get_frame_content_size(payload).map_err(|_| malformed("its header is damaged"))?;
    let mut room = match declared {
        Some(length) => usize::try_from(length)
            .ok()
            .filter(|&length| length <= limit)
            .ok_or(DecompressError::TooLarge { limit })?,
        None => payload.len().saturating_mul(4).max(GUESS).min(limit),
    };
    let start = out.len();
    let result = DECOMPRESSOR.with_borrow_mut(|context| {
        loop {
            out.resize(start + room, 0);
            match context.decompress(&mut out[start..], payload) {
                Ok(length) => return Ok(length),
                Err(code) if is_too_small(code) && declared.is_none() => {
                    if room >= limit {
                        return Err(DecompressError::TooLarge { limit });
                    }
                    room = room.saturating_mul(4).min(limit);
                }
                Err(_) => return Err(malformed("it is damaged")),
            }
        }
    });
    out.truncate(start + result.unwrap_or(0));
    result.map(drop)
}

/// zstd's errors are the negated numbers of an enumeration.
fn is_too_small(code: zstd_safe::ErrorCode) -> bool {
    code.wrapping_neg() == ZSTD_error_dstSize_tooSmall as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: usize = 1 << 20;

    fn decompressed(payload: &[u8], limit: usize) -> Result<BytesMut, DecompressError> {
        let mut out = BytesMut::from(&b"before"[..]);
        let result = decompress(payload, limit, &mut out);
        let rest = out.split_off(6);
        assert_eq!(out, &b"before"[..]);
        assert!(result.is_ok() || rest.is_empty());
        result.map(|()| rest)
    }

    /// A frame written by hand (RFC 8878): `blocks` times 128 KiB of zeros, four bytes each.
    fn zeros(blocks: usize, declared: bool) -> Vec<u8> {
        let mut frame = MAGIC.to_vec();
        if declared {
            // One segment, its length in 8 bytes.
            frame.push(0xe0);
            frame.extend_from_slice(&((blocks as u64) << 17).to_le_bytes());
        } else {
            // No length; a window of 128 KiB.
            frame.extend_from_slice(&[0x00, 7 << 3]);
        }
        for block in 1..=blocks {
            let header = (1u32 << 17) << 3 | 1 << 1 | u32::from(block == blocks);
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(0);
        }
        frame
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_compressed_comes_back(
            word in proptest::collection::vec(any::<u8>(), 1..40),
            times in 1..200usize,
            front in proptest::collection::vec(any::<u8>(), 0..20),
            level in -10..30,
        ) {
            let plain = word.repeat(times);
            let mut out = BytesMut::from(&*front);
            out.extend_from_slice(&plain);
            if compress(&mut out, front.len(), level, 0) {
                prop_assert!(out.len() < front.len() + plain.len());
                prop_assert_eq!(&decompressed(&out[front.len()..], plain.len()).unwrap()[..], &plain[..]);
                let refused = decompressed(&out[front.len()..], plain.len() - 1);
                prop_assert_eq!(refused, Err(DecompressError::TooLarge { limit: plain.len() - 1 }));
            } else {
                prop_assert_eq!(&out[front.len()..], &plain[..]);
            }
            prop_assert!(out.starts_with(&front));
        }

        #[test]
        fn garbage_is_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), magic: bool) {
            if magic {
                bytes.splice(0..0, MAGIC);
            }
            if let Ok(plain) = decompressed(&bytes, MIB) {
                prop_assert!(magic && plain.len() <= MIB);
            }
        }
    }

    #[test]
    fn what_is_short_or_does_not_shrink_stays() {
        let mut out = BytesMut::from(&[7; 100][..]);
        assert!(!compress(&mut out, 0, 3, 101));
        assert!(!compress(&mut out, 100, 3, 0));
        assert_eq!(out, &[7; 100][..]);
        let noise: Vec<u8> =
            (0..64u32).flat_map(|n| (n + 1).wrapping_mul(0x9e37_79b9).to_be_bytes()).collect();
        let mut out = BytesMut::from(&*noise);
        assert!(!compress(&mut out, 0, 3, 0));
        assert_eq!(out, noise);
    }

    #[test]
    fn a_long_payload_leaves_little_behind() {
        let mut out = BytesMut::zeroed(4 * MIB);
        assert!(compress(&mut out, 0, 1, 0));
        COMPRESSOR.with_borrow(|kept| assert!(kept.space.capacity() <= KEPT));
    }

    #[test]
    fn a_bomb_is_refused_before_room_is_made_for_it() {
        // 1 GiB out of 32 KiB.
        let mut out = BytesMut::new();
        let refused = decompress(&zeros(8_192, true), MIB, &mut out);
        assert_eq!(refused, Err(DecompressError::TooLarge { limit: MIB }));
        assert_eq!(out.capacity(), 0);
        let refused = decompress(&zeros(8_192, false), MIB, &mut out);
        assert_eq!(refused, Err(DecompressError::TooLarge { limit: MIB }));
        assert!(out.is_empty() && out.capacity() <= 2 * MIB, "{}", out.capacity());
        assert_eq!(refused.unwrap_err().code(), Code::PacketTooLarge);
    }

    #[test]
    fn a_payload_may_be_as_long_as_the_limit() {
        for declared in [true, false] {
            assert_eq!(decompressed(&zeros(8, declared), MIB).unwrap(), vec![0; MIB]);
            let refused = decompressed(&zeros(8, declared), MIB - 1);
            assert_eq!(refused, Err(DecompressError::TooLarge { limit: MIB - 1 }));
        }
    }

    #[test]
    fn a_declared_length_that_is_a_lie_is_refused() {
        for lie in [0, 1, 1 << 17, 3 << 17] {
            let mut frame = zeros(2, true);
            frame[5..13].copy_from_slice(&u64::to_le_bytes(lie));
            assert!(matches!(decompressed(&frame, MIB), Err(DecompressError::Malformed { .. })), "{lie}");
        }
        // zstd takes this one for a frame that declares nothing: the limit holds as it does there.
        let mut frame = zeros(9, true);
        frame[5..13].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(decompressed(&frame, MIB), Err(DecompressError::TooLarge { limit: MIB }));
    }

    #[test]
    fn only_one_whole_frame_is_a_payload() {
        let whole = zeros(1, true);
        for end in 0..whole.len() {
            let refused = decompressed(&whole[..end], MIB).unwrap_err();
            assert_eq!(refused.code(), Code::RequestMalformed);
        }
        let skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00junk";
        for behind in [&b"\0"[..], &whole, skippable] {
            assert!(decompressed(&[&whole, behind].concat(), MIB).is_err());
        }
        assert!(decompressed(skippable, MIB).is_err());
        assert!(decompressed(&[skippable, &whole[..]].concat(), MIB).is_err());
    }
}
