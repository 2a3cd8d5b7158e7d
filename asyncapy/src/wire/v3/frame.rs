use std::ops::Range;

use super::{Flags, FrameError, FrameKind};
use crate::wire::Encoding;

/// The version byte of protocol V3.
pub(super) const VERSION: u8 = 23;

/// Version, encoding, kind, flags and stream, which every frame has.
pub(in crate::wire) const PREFIX: usize = 8;

/// The least Content-Length.
pub(in crate::wire) const SHORTEST: u64 = PREFIX as u64;

/// The encoding byte of a payload that is bytes and nothing else.
pub(super) const RAW: u8 = 2;

/// A whole frame at the front of the input (protocol V3). All ranges are places in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub kind: FrameKind,
    /// Its flags; each is one that the kind has.
    pub flags: Flags,
    /// The payload's encoding; `None` is raw bytes.
    pub encoding: Option<Encoding>,
    /// The stream's number; 0 is the connection.
    pub stream: u32,
    /// What the kind has of its own.
    pub fields: Fields,
    /// The metadata's place; empty, if there is none.
    pub head: Range<usize>,
    /// The payload's place.
    pub payload: Range<usize>,
    /// Where the next frame begins.
    pub end: usize,
}

/// What some kinds of frames have of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Nothing: HELLO, ITEM, ERROR, CANCEL, GOAWAY.
    None,
    /// OPEN.
    Open {
        /// The target's number.
        target: u16,
        /// The place of the name to which the number is bound, checked to be UTF-8 and not empty.
        name: Option<Range<usize>>,
        /// How long the opener waits for the end, in milliseconds from when it wrote this.
        deadline: Option<u32>,
    },
    /// CREDIT: what is added.
    Credit {
        /// Items; 0 on stream 0.
        items: u32,
        /// Bytes of payload.
        bytes: u32,
    },
    /// PING: what the answer repeats.
    Ping([u8; 8]),
}

/// What every frame begins with.
struct Prefix {
    encoding: Option<Encoding>,
    kind: FrameKind,
    flags: Flags,
    stream: u32,
    /// How many bytes there are beyond the fewest that such a frame has: the payload's, and those of a name and a head
    /// beyond their first.
    spare: usize,
}

/// Reads the frame whose version byte is at `start` and which ends at `end`; or tells that bytes are missing.
///
/// What can be said by the first bytes is said in their order, so that more bytes never change it.
#[inline]
pub(in crate::wire) fn read(
    input: &[u8],
    start: usize,
    end: usize,
) -> Result<Result<Frame, usize>, FrameError> {
    let Some(bytes) = input.get(start..) else { return Ok(Err(end)) };
    let Some(prefix) = (match bytes.first_chunk::<PREFIX>() {
        Some(whole) => prefix(whole, end - start)?,
        None => begun(bytes, end - start)?,
    }) else {
        return Ok(Err(end));
    };
    let Prefix { encoding, kind, flags, stream, mut spare } = prefix;
    let mut at = start + PREFIX;
    macro_rules! take {
        ($size:literal) => {{
            let Some(chunk) = input.get(at..).and_then(<[u8]>::first_chunk::<$size>) else {
                return Ok(Err(end));
            };
            at += $size;
            *chunk
        }};
    }
    let fields = match kind {
        FrameKind::Open => {
            let target = u16::from_be_bytes(take!(2));
            let mut name = None;
            if flags.has(Flags::NAME) {
                let length = usize::from(take!(1)[0]);
                spare = beyond(spare, length).ok_or(FrameError::Name)?;
                let Some(text) = input.get(at..at + length) else { return Ok(Err(end)) };
                if std::str::from_utf8(text).is_err() {
                    return Err(FrameError::Name);
                }
                name = Some(at..at + length);
                at += length;
            }
            let deadline = if flags.has(Flags::DEADLINE) { Some(u32::from_be_bytes(take!(4))) } else { None };
            Fields::Open { target, name, deadline }
        }
        FrameKind::Credit => {
            let items = u32::from_be_bytes(take!(4));
            if stream == 0 && items != 0 {
                return Err(FrameError::Credit);
            }
            Fields::Credit { items, bytes: u32::from_be_bytes(take!(4)) }
        }
        FrameKind::Ping => Fields::Ping(take!(8)),
        _ => Fields::None,
    };
    let mut head = at..at;
    if flags.has(Flags::HEAD) {
        let length = usize::from(u16::from_be_bytes(take!(2)));
        spare = beyond(spare, length).ok_or(FrameError::Head)?;
        if spare != 0 && is_void(flags) {
            return Err(FrameError::Length(kind));
        }
        head = at..at + length;
    }
    if input.len() < end {
        return Ok(Err(end));
    }
    Ok(Ok(Frame { kind, flags, encoding, stream, fields, payload: end - spare..end, head, end }))
}

/// What is left of the spare bytes after a name or a head of so many; it has at least one.
#[inline]
fn beyond(spare: usize, length: usize) -> Option<usize> {
    spare.checked_sub(length.checked_sub(1)?)
}

/// Whether there can be no payload. A sealed one is never empty: it has its tag.
#[inline]
fn is_void(flags: Flags) -> bool {
    flags.has(Flags::EMPTY) && !flags.has(Flags::SEALED)
}

/// A frame of which less than the prefix is there.
#[cold]
fn begun(bytes: &[u8], length: usize) -> Result<Option<Prefix>, FrameError> {
    prefix(bytes, length)
}

/// Checks what is there of the bytes from the version to the stream, of a frame of so many bytes.
#[inline(always)]
fn prefix(bytes: &[u8], length: usize) -> Result<Option<Prefix>, FrameError> {
    let Some(&version) = bytes.first() else { return Ok(None) };
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let Some(&byte) = bytes.get(1) else { return Ok(None) };
    if byte > RAW {
        return Err(FrameError::Encoding(byte));
    }
    let encoding = Encoding::from_byte(byte);
    let Some(&kind) = bytes.get(2) else { return Ok(None) };
    let kind = FrameKind::from_byte(kind).ok_or(FrameError::Kind(kind))?;
    if encoding.is_none() && matches!(kind, FrameKind::Hello | FrameKind::Error | FrameKind::GoAway) {
        return Err(FrameError::Encoding(byte));
    }
    let Some(&flags) = bytes.get(3) else { return Ok(None) };
    let flags = Flags(flags);
    if !kind.allowed().has(flags) || (flags.has(Flags::EMPTY) && !may_be_empty(flags)) {
        return Err(FrameError::Flags(kind, flags));
    }
    let spare = length.checked_sub(least(kind, flags)).ok_or(FrameError::Length(kind))?;
    let void = match kind {
        FrameKind::Cancel | FrameKind::Credit | FrameKind::Ping => true,
        _ => is_void(flags) && !flags.has(Flags::HEAD),
    };
    if void && spare != 0 {
        return Err(FrameError::Length(kind));
    }
    let Some(stream) = bytes.get(4..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
    let stream = u32::from_be_bytes(*stream);
    let suits = match kind {
        FrameKind::Open | FrameKind::Item | FrameKind::Error | FrameKind::Cancel => stream != 0,
        FrameKind::Hello | FrameKind::Ping | FrameKind::GoAway => stream == 0,
        FrameKind::Credit => true,
    };
    if !suits {
        return Err(FrameError::Stream(kind, stream));
    }
    Ok(Some(Prefix { encoding, kind, flags, stream, spare }))
}

/// EMPTY says that there is no result, so it ends the stream; and nothing cannot be compressed.
#[inline]
fn may_be_empty(flags: Flags) -> bool {
    flags.has(Flags::END) && !flags.has(Flags::COMPRESSED)
}

/// The fewest bytes, version and all, that a frame of this kind and with these flags has.
#[inline]
fn least(kind: FrameKind, flags: Flags) -> usize {
    let own = match kind {
        FrameKind::Open => {
            2 + if flags.has(Flags::NAME) { 2 } else { 0 } + if flags.has(Flags::DEADLINE) { 4 } else { 0 }
        }
        FrameKind::Credit | FrameKind::Ping => 8,
        _ => 0,
    };
    PREFIX + own + if flags.has(Flags::HEAD) { 3 } else { 0 }
}
