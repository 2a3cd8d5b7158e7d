use super::Encoding;
use bytes::BytesMut;
use std::ops::Range;

/// The byte order of the Content-Length header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteOrder {
    /// Most significant byte first, the standard.
    #[default]
    Big,
    /// Least significant byte first.
    Little,
}

/// The size of the Content-Length header in bytes: 1, 2, 4 (the standard) or 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum HeaderSize {
    /// 1 byte.
    One = 1,
    /// 2 bytes.
    Two = 2,
    /// 4 bytes.
    #[default]
    Four = 4,
    /// 8 bytes.
    Eight = 8,
}

/// How frames are cut out of a stream of bytes. `Copy`, 8 bytes or so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    header_size: HeaderSize,
    byte_order: ByteOrder,
    max_packet_size: u32,
}

/// A whole frame at the front of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The payload's encoding.
    pub encoding: Encoding,
    /// Where the payload lies in the input; its end is the frame's end.
    pub payload: Range<usize>,
}

/// Why the input is no frame (protocol V2, rule 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// Content-Length < 5.
    TooShort,
    /// Content-Length above the limit.
    TooLarge {
        /// The announced length in bytes.
        length: u64,
    },
    /// The version byte is not 22.
    Version(u8),
    /// The encoding byte is neither 0 nor 1.
    Encoding(u8),
}

impl Framing {
    /// The frame at the front of `input`, or how many bytes in all are needed to say more.
    pub fn decode(&self, input: &[u8]) -> Result<Result<Frame, usize>, FrameError> {
        let _ = input;
        todo!()
    }

    /// Appends a frame whose payload `write` appends.
    pub fn encode<E: From<super::EncodeError>>(
        &self,
        encoding: Encoding,
        out: &mut BytesMut,
        write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let _ = (encoding, out, write);
        todo!()
    }
}
