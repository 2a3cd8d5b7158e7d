use std::fmt;
use std::ops::Range;

use bytes::BytesMut;

use super::{ByteOrder, EncodeError, Encoding, HeaderSize, v3};
use crate::error::{Code, Error};

/// The version byte of protocol V2.
const VERSION: u8 = 22;

/// Version and encoding byte, which Content-Length counts as well.
const PREFIX: usize = 2;

/// The least Content-Length (protocol V2, rule 2).
const SHORTEST: u64 = 5;

/// How frames are cut out of a stream of bytes, and written into one (protocols V2 and V3). `Copy`, 8 bytes.
///
/// ```
/// use asyncapy::wire::{Encoding, Framing};
///
/// let framing = Framing::default();
/// let bytes = b"\x00\x00\x00\x0d\x16\x00{\"test\": 1}";
/// assert_eq!(framing.decode(&bytes[..6]), Ok(Err(17)));
/// let frame = framing.decode(bytes).unwrap().unwrap();
/// assert_eq!(frame.encoding, Encoding::Json);
/// assert_eq!(&bytes[frame.payload], b"{\"test\": 1}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    header_size: HeaderSize,
    byte_order: ByteOrder,
    max_packet_size: u32,
}

/// A header of 4 bytes, most significant first, and packets of at most 1 MiB.
impl Default for Framing {
    fn default() -> Self {
        Self::new(HeaderSize::default(), ByteOrder::default(), 1 << 20)
    }
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

impl FrameError {
    /// The code that the client reads.
    pub fn code(&self) -> Code {
        match self {
            FrameError::TooShort => Code::RequestMalformed,
            FrameError::TooLarge { .. } => Code::PacketTooLarge,
            FrameError::Version(_) | FrameError::Encoding(_) => Code::HeaderInvalid,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooShort => f.write_str("the length is below 5 bytes"),
            FrameError::TooLarge { length } => write!(f, "a length of {length} bytes is above the limit"),
            FrameError::Version(byte) => write!(f, "the version is {byte}, not {VERSION}"),
            FrameError::Encoding(byte) => write!(f, "the encoding is {byte}, not 0 or 1"),
        }
    }
}

impl std::error::Error for FrameError {}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Error::Protocol(error.to_string())
    }
}

impl Framing {
    /// Frames with such a header, those received with at most `max_packet_size` bytes after it: version, encoding and
    /// payload.
    pub const fn new(header_size: HeaderSize, byte_order: ByteOrder, max_packet_size: u32) -> Self {
        Self { header_size, byte_order, max_packet_size }
    }

    /// The size of the Content-Length header.
    #[inline]
    pub const fn header_size(&self) -> HeaderSize {
        self.header_size
    }

    /// The byte order of the Content-Length header.
    #[inline]
    pub const fn byte_order(&self) -> ByteOrder {
        self.byte_order
    }

    /// The greatest Content-Length accepted, in bytes.
    #[inline]
    pub const fn max_packet_size(&self) -> u32 {
        self.max_packet_size
    }

    /// The same frames with another limit; for frames of protocol V3 to be sent, the limit of who reads them.
    #[must_use]
    pub const fn with_max_packet_size(self, max_packet_size: u32) -> Self {
        Self { max_packet_size, ..self }
    }

    /// The version byte of the frame at the front of `input`, once it is there: 22 for protocol V2, 23 for V3.
    #[inline]
    pub fn version(&self, input: &[u8]) -> Option<u8> {
        input.get(self.header_size.bytes()).copied()
    }

    /// The frame of protocol V3 at the front of `input`, or how many bytes in all are needed to say more.
    ///
    /// As [`decode`](Self::decode), it tells every mistake as soon as the byte that shows it is there. It looks at
    /// the header, the fixed fields and a target's name; heads and payloads are for others to read.
    ///
    /// # Errors
    /// The input begins with no such frame; nothing after it can be made sense of.
    #[inline]
    pub fn decode_v3(&self, input: &[u8]) -> Result<Result<v3::Frame, usize>, v3::FrameError> {
        let header = self.header_size.bytes();
        let Some(length) = self.length(input) else { return Ok(Err(header)) };
        if length < v3::SHORTEST {
            return Err(v3::FrameError::TooShort);
        }
        if length > u64::from(self.max_packet_size) {
            return Err(v3::FrameError::TooLarge { length });
        }
        v3::read(input, header, header.saturating_add(length as usize))
    }

    /// The payload's place in the frame of protocol V3 at the front of `input`, if that is whole and begins with `prefix`
    /// after its length. So it is cut with one look where frames without fields and head follow their like; the prefix is
    /// that of a frame which [`decode_v3`](Self::decode_v3) has taken, and the payload has at least one byte.
    #[inline]
    pub(crate) fn decode_alike(&self, prefix: [u8; v3::PREFIX], input: &[u8]) -> Option<Range<usize>> {
        let header = self.header_size.bytes();
        let length = self.length(input)?;
        if length <= v3::SHORTEST || length > u64::from(self.max_packet_size) {
            return None;
        }
        let end = header.saturating_add(length as usize);
        let alike = input.get(header..end)?.first_chunk() == Some(&prefix);
        alike.then_some(header + v3::PREFIX..end)
    }

    /// The frame at the front of `input`, or how many bytes in all are needed to say more.
    ///
    /// Every mistake is told as soon as the byte that shows it is there, in the order of protocol V2, rule 2: a short
    /// length before a wrong version, a length above the limit before any byte of the payload.
    ///
    /// # Errors
    /// The input begins with no frame; nothing after it can be made sense of.
    #[inline]
    pub fn decode(&self, input: &[u8]) -> Result<Result<Frame, usize>, FrameError> {
        let header = self.header_size.bytes();
        let Some(length) = self.length(input) else { return Ok(Err(header)) };
        if length < SHORTEST {
            return Err(FrameError::TooShort);
        }
        if length > u64::from(self.max_packet_size) {
            return Err(FrameError::TooLarge { length });
        }
        let end = header.saturating_add(length as usize);
        let Some(&version) = input.get(header) else { return Ok(Err(end)) };
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let Some(&byte) = input.get(header + 1) else { return Ok(Err(end)) };
        let Some(encoding) = Encoding::from_byte(byte) else { return Err(FrameError::Encoding(byte)) };
        if input.len() < end {
            return Ok(Err(end));
        }
        Ok(Ok(Frame { encoding, payload: header + PREFIX..end }))
    }

    /// The announced length, once its bytes are there.
    #[inline]
    fn length(&self, input: &[u8]) -> Option<u64> {
        macro_rules! read {
            ($int:ty) => {{
                let bytes = *input.first_chunk()?;
                match self.byte_order {
                    ByteOrder::Big => <$int>::from_be_bytes(bytes),
                    ByteOrder::Little => <$int>::from_le_bytes(bytes),
                }
                .into()
            }};
        }
        Some(match self.header_size {
            HeaderSize::One => read!(u8),
            HeaderSize::Two => read!(u16),
            HeaderSize::Four => read!(u32),
            HeaderSize::Eight => read!(u64),
        })
    }

    /// Appends a frame whose payload `write` appends.
    ///
    /// An empty map is written so long that its frame is not refused as too short: `{ }` in JSON, a map of 16-bit
    /// length in ZiProto.
    ///
    /// # Errors
    /// `write` failed, or the payload is longer than the header can say ([`EncodeError::TooLarge`]; the limit is for
    /// what is received), or it is too short to be a map. `out` is then as it was.
    #[inline]
    pub fn encode<E: From<EncodeError>>(
        &self,
        encoding: Encoding,
        out: &mut BytesMut,
        write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = out.len();
        let header = self.header_size.bytes();
        let blank = [0, 0, 0, 0, 0, 0, 0, 0, VERSION, encoding.byte()];
        out.extend_from_slice(&blank[8 - header..]);
        let written = write(out).and_then(|()| self.seal(encoding, out, start).map_err(E::from));
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// Writes the length of the frame that begins at `start` and ends with `out`.
    #[inline]
    fn seal(&self, encoding: Encoding, out: &mut BytesMut, start: usize) -> Result<(), EncodeError> {
        let body = start + self.header_size.bytes();
        if (out.len() - body) < SHORTEST as usize {
            lengthen(encoding, out, body + PREFIX)?;
        }
        self.write_length(out, start, u64::MAX)
    }

    /// Writes the length of the frame that begins at `start` and ends with `out`, if header and `limit` allow it.
    #[inline]
    pub(super) fn write_length(
        &self,
        out: &mut BytesMut,
        start: usize,
        limit: u64,
    ) -> Result<(), EncodeError> {
        let length = (out.len() - start - self.header_size.bytes()) as u64;
        let limit = self.header_size.greatest().min(limit);
        if length > limit {
            return Err(EncodeError::TooLarge { length, limit });
        }
        self.place_length(out, start);
        Ok(())
    }

    /// Writes the length of the frame that begins at `start` and ends with `out`, which the header can say.
    #[inline]
    pub(super) fn place_length(&self, out: &mut BytesMut, start: usize) {
        let header = self.header_size.bytes();
        let body = start + header;
        let length = (out.len() - body) as u64;
        let place = &mut out[start..body];
        match self.byte_order {
            ByteOrder::Big => place.copy_from_slice(&length.to_be_bytes()[8 - header..]),
            ByteOrder::Little => place.copy_from_slice(&length.to_le_bytes()[..header]),
        }
    }
}

/// Writes the empty map that begins at `start` in three bytes.
#[cold]
fn lengthen(encoding: Encoding, out: &mut BytesMut, start: usize) -> Result<(), EncodeError> {
    let longer = match (encoding, &out[start..]) {
        (Encoding::Json, b"{}") => b"{ }",
        (Encoding::ZiProto, b"\x80") => b"\xde\x00\x00",
        _ => return Err(EncodeError::new("a payload must be a map")),
    };
    out.truncate(start);
    out.extend_from_slice(longer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(header: usize, order: ByteOrder, max: u32) -> Framing {
        Framing::new(HeaderSize::try_from(header).unwrap(), order, max)
    }

    #[test]
    fn mistakes_are_told_at_the_first_byte_that_shows_them() {
        let framing = Framing::default();
        assert_eq!(framing.decode(&[0, 0, 0]), Ok(Err(4)));
        assert_eq!(framing.decode(&[0, 0, 0, 4]), Err(FrameError::TooShort));
        assert_eq!(framing.decode(&[0, 0, 0, 4, 9, 9]), Err(FrameError::TooShort));
        assert_eq!(framing.decode(&[0, 0x10, 0, 1]), Err(FrameError::TooLarge { length: (1 << 20) + 1 }));
        assert_eq!(framing.decode(&[0, 0x10, 0, 0]), Ok(Err(4 + (1 << 20))));
        assert_eq!(framing.decode(&[0, 0, 0, 5, 21]), Err(FrameError::Version(21)));
        assert_eq!(framing.decode(&[0, 0, 0, 5, 22]), Ok(Err(9)));
        assert_eq!(framing.decode(&[0, 0, 0, 5, 22, 2]), Err(FrameError::Encoding(2)));
        assert_eq!(framing.decode(&[0, 0, 0, 5, 22, 1, 0x81, 0xa0]), Ok(Err(9)));
    }

    #[test]
    fn lengths_of_eight_bytes_do_not_wrap() {
        for order in [ByteOrder::Big, ByteOrder::Little] {
            let framing = framing(8, order, u32::MAX);
            for length in [1u64 << 32, u64::MAX, 1 << 63] {
                let header = match order {
                    ByteOrder::Big => length.to_be_bytes(),
                    ByteOrder::Little => length.to_le_bytes(),
                };
                assert_eq!(framing.decode(&header), Err(FrameError::TooLarge { length }));
            }
        }
    }

    #[test]
    fn a_frame_that_does_not_fit_leaves_no_trace() {
        let mut out = BytesMut::from(&b"before"[..]);
        let write = |size: usize| {
            move |out: &mut BytesMut| {
                out.extend_from_slice(&vec![b' '; size]);
                Ok::<(), EncodeError>(())
            }
        };
        let one = framing(1, ByteOrder::Big, 1 << 20);
        let error = one.encode(Encoding::Json, &mut out, write(254)).unwrap_err();
        assert_eq!(error, EncodeError::TooLarge { length: 256, limit: 255 });
        assert_eq!(&out[..], b"before");
        one.encode(Encoding::Json, &mut out, write(253)).unwrap();
        assert_eq!(out[6], 255);

        out.truncate(6);
        let small = framing(4, ByteOrder::Little, 10);
        assert!(small.encode(Encoding::Json, &mut out, |_| Err(EncodeError::new("no"))).is_err());
        assert!(small.encode(Encoding::Json, &mut out, write(2)).is_err(), "two spaces are no map");
        assert_eq!(&out[..], b"before");
        // The limit is for what is received.
        small.encode(Encoding::Json, &mut out, write(9)).unwrap();
        assert_eq!(&out[6..12], [11, 0, 0, 0, 22, 0]);
        assert_eq!(small.decode(&out[6..]), Err(FrameError::TooLarge { length: 11 }));
    }

    #[test]
    fn empty_maps_are_not_too_short() {
        for (encoding, short, long) in
            [(Encoding::Json, &b"{}"[..], &b"{ }"[..]), (Encoding::ZiProto, b"\x80", b"\xde\x00\x00")]
        {
            let mut out = BytesMut::new();
            let framing = Framing::default();
            let write = |out: &mut BytesMut| {
                out.extend_from_slice(short);
                Ok::<(), EncodeError>(())
            };
            framing.encode(encoding, &mut out, write).unwrap();
            let frame = framing.decode(&out).unwrap().unwrap();
            assert_eq!(&out[frame.payload], long);
        }
    }

    #[test]
    fn codes_are_those_of_rule_2() {
        assert_eq!(FrameError::TooShort.code(), Code::RequestMalformed);
        assert_eq!(FrameError::TooLarge { length: 0 }.code(), Code::PacketTooLarge);
        assert_eq!(FrameError::Version(0).code(), Code::HeaderInvalid);
        assert_eq!(FrameError::Encoding(9).code(), Code::HeaderInvalid);
    }
}
