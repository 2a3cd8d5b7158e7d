use bytes::{BufMut, BytesMut};

use super::frame::{PREFIX, RAW, VERSION};
use super::{Flags, FrameKind, GoAway, Hello, Metadata};
use crate::error::Code;
use crate::wire::{
    EncodeError, Encoding, Framing, write_json_string, write_ziproto_map_header, write_ziproto_str,
};

/// An OPEN to write, but for its payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHeader<'a> {
    /// The stream's number; it may be put in later, by [`Framing::set_stream`].
    pub stream: u32,
    /// The arguments' encoding; `None` is raw bytes.
    pub encoding: Option<Encoding>,
    /// END, COMPRESSED, SEALED; the others follow from the fields below.
    pub flags: Flags,
    /// The target's number.
    pub target: u16,
    /// The name to bind the number to; 1 to 255 bytes.
    pub name: Option<&'a str>,
    /// How long the opener waits for the end, in milliseconds.
    pub deadline: Option<u32>,
    /// What goes along with the arguments.
    pub metadata: Option<&'a Metadata>,
}

/// An ITEM to write, but for its payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemHeader<'a> {
    /// The stream's number.
    pub stream: u32,
    /// The value's encoding; `None` is raw bytes.
    pub encoding: Option<Encoding>,
    /// END, EMPTY, COMPRESSED, SEALED; HEAD follows from the metadata.
    pub flags: Flags,
    /// What goes along with the value.
    pub metadata: Option<&'a Metadata>,
}

/// An ERROR to write, but for its details.
#[derive(Clone, Copy, Debug)]
pub struct ErrorHeader<'a> {
    /// The stream's number.
    pub stream: u32,
    /// The payload's encoding.
    pub encoding: Encoding,
    /// COMPRESSED, SEALED; HEAD follows from the metadata.
    pub flags: Flags,
    /// What went wrong.
    pub code: &'a Code,
    /// The same for people.
    pub message: Option<&'a str>,
    /// The argument that is at fault.
    pub field: Option<&'a str>,
    /// What goes along with the error.
    pub metadata: Option<&'a Metadata>,
}

/// Writing frames of protocol V3. Each frame is kept within the greatest Content-Length that the header can say and
/// within [`max_packet_size`](Framing::max_packet_size), which is here what the other side accepts: see
/// [`with_max_packet_size`](Framing::with_max_packet_size).
impl Framing {
    /// Appends all of a frame that every frame has; the fields of its kind, head and payload follow, then
    /// [`finish_v3`](Self::finish_v3) with what this returns, the place where the frame begins.
    #[inline]
    pub fn begin_v3(
        &self,
        out: &mut BytesMut,
        kind: FrameKind,
        flags: Flags,
        encoding: Option<Encoding>,
        stream: u32,
    ) -> usize {
        let start = out.len();
        let header = self.header_size().bytes();
        let mut prefix = [0; 16];
        let encoding = encoding.map_or(RAW, Encoding::byte);
        prefix[8..12].copy_from_slice(&[VERSION, encoding, kind.byte(), flags.0]);
        prefix[12..].copy_from_slice(&stream.to_be_bytes());
        out.extend_from_slice(&prefix[8 - header..]);
        start
    }

    /// Writes the length of the frame that begins at `start` and ends with `out`.
    ///
    /// # Errors
    /// It is longer than the header can say or the other side accepts. `out` is then as it was before the frame.
    #[inline]
    pub fn finish_v3(&self, out: &mut BytesMut, start: usize) -> Result<(), EncodeError> {
        let written = self.write_length(out, start, u64::from(self.max_packet_size()));
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// Puts a stream's number into a frame that was written with another: a stream is numbered when it is sent, in the
    /// order of sending. A frame that is already sealed must not be changed.
    ///
    /// `frame` begins with the frame; what is shorter than any frame is left as it is.
    #[inline]
    pub fn set_stream(&self, frame: &mut [u8], stream: u32) {
        let place = self.header_size().bytes() + PREFIX - 4;
        if let Some(number) = frame.get_mut(place..).and_then(<[u8]>::first_chunk_mut) {
            *number = stream.to_be_bytes();
        }
    }

    /// Appends an OPEN whose payload `write` appends.
    ///
    /// ```
    /// use asyncapy::wire::v3::{Flags, OpenHeader};
    /// use asyncapy::wire::{EncodeError, Encoding, Framing, encode};
    ///
    /// let mut out = bytes::BytesMut::new();
    /// let (json, flags) = (Encoding::Json, Flags::END);
    /// let open = OpenHeader { stream: 1, encoding: Some(json), flags, target: 7, ..OpenHeader::default() };
    /// Framing::default().encode_open(&mut out, &open, |out| encode(&(20, 22), json, out))?;
    /// assert_eq!(&out[..], b"\0\0\0\x11\x17\0\x02\x01\0\0\0\x01\0\x07[20,22]");
    /// # Ok::<(), EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// `write` failed, the name is empty or longer than 255 bytes, the metadata are too long, or the frame is
    /// ([`EncodeError::TooLarge`]). `out` is then as it was.
    #[inline]
    pub fn encode_open<E: From<EncodeError>>(
        &self,
        out: &mut BytesMut,
        open: &OpenHeader<'_>,
        write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let metadata = open.metadata.filter(|metadata| !metadata.is_empty());
        let flags = open
            .flags
            .with(Flags::NAME, open.name.is_some())
            .with(Flags::DEADLINE, open.deadline.is_some())
            .with(Flags::HEAD, metadata.is_some());
        let start = self.begin_v3(out, FrameKind::Open, flags, open.encoding, open.stream);
        self.complete(out, start, |out| {
            out.put_u16(open.target);
            if let Some(name) = open.name {
                write_name(name, out)?;
            }
            if let Some(deadline) = open.deadline {
                out.put_u32(deadline);
            }
            write_head(metadata, out)?;
            write(out)
        })
    }

    /// Appends an ITEM whose payload `write` appends; with EMPTY it appends nothing.
    ///
    /// # Errors
    /// `write` failed, the metadata are too long, or the frame is ([`EncodeError::TooLarge`]). `out` is then as it was.
    #[inline]
    pub fn encode_item<E: From<EncodeError>>(
        &self,
        out: &mut BytesMut,
        item: &ItemHeader<'_>,
        write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        let metadata = item.metadata.filter(|metadata| !metadata.is_empty());
        let flags = item.flags.with(Flags::HEAD, metadata.is_some());
        let start = self.begin_v3(out, FrameKind::Item, flags, item.encoding, item.stream);
        self.complete(out, start, |out| {
            write_head(metadata, out)?;
            write(out)
        })
    }

    /// Appends an ERROR. `details`, where there are any, appends one value in the frame's encoding.
    ///
    /// # Errors
    /// `details` failed, the metadata are too long, or the frame is ([`EncodeError::TooLarge`]). `out` is then as it
    /// was.
    pub fn encode_error<E: From<EncodeError>>(
        &self,
        out: &mut BytesMut,
        error: &ErrorHeader<'_>,
        details: Option<impl FnOnce(&mut BytesMut) -> Result<(), E>>,
    ) -> Result<(), E> {
        let metadata = error.metadata.filter(|metadata| !metadata.is_empty());
        let flags = error.flags.with(Flags::HEAD, metadata.is_some());
        let start = self.begin_v3(out, FrameKind::Error, flags, Some(error.encoding), error.stream);
        self.complete(out, start, |out| {
            write_head(metadata, out)?;
            error.write_payload(details, out)
        })
    }

    /// Appends a CANCEL.
    pub fn encode_cancel(&self, out: &mut BytesMut, stream: u32) {
        self.control(out, FrameKind::Cancel, Flags::NONE, stream, &[]);
    }

    /// Appends a CREDIT: so many items and bytes more. Stream 0 is the connection, which has no credit of items.
    pub fn encode_credit(&self, out: &mut BytesMut, stream: u32, items: u32, bytes: u32) {
        let credit = u64::from(items) << 32 | u64::from(bytes);
        self.control(out, FrameKind::Credit, Flags::NONE, stream, &credit.to_be_bytes());
    }

    /// Appends a PING, or the answer to one.
    pub fn encode_ping(&self, out: &mut BytesMut, data: [u8; 8], ack: bool) {
        self.control(out, FrameKind::Ping, Flags::NONE.with(Flags::ACK, ack), 0, &data);
    }

    /// Appends a HELLO.
    ///
    /// # Errors
    /// It is too long ([`EncodeError::TooLarge`]). `out` is then as it was.
    pub fn encode_hello(
        &self,
        out: &mut BytesMut,
        encoding: Encoding,
        hello: &Hello,
    ) -> Result<(), EncodeError> {
        let start = self.begin_v3(out, FrameKind::Hello, Flags::NONE, Some(encoding), 0);
        self.complete(out, start, |out| hello.write(encoding, out))
    }

    /// Appends a GOAWAY.
    ///
    /// # Errors
    /// It is too long ([`EncodeError::TooLarge`]). `out` is then as it was.
    pub fn encode_goaway(
        &self,
        out: &mut BytesMut,
        encoding: Encoding,
        goaway: &GoAway,
    ) -> Result<(), EncodeError> {
        let start = self.begin_v3(out, FrameKind::GoAway, Flags::NONE, Some(encoding), 0);
        self.complete(out, start, |out| goaway.write(encoding, out))
    }

    /// The rest of a frame, which `write` appends, and its length; or none of it.
    #[inline]
    fn complete<E: From<EncodeError>>(
        &self,
        out: &mut BytesMut,
        start: usize,
        write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        match write(out) {
            Ok(()) => self.finish_v3(out, start).map_err(E::from),
            Err(error) => {
                out.truncate(start);
                Err(error)
            }
        }
    }

    /// An ITEM that has no value.
    pub(super) fn bare_item(&self, out: &mut BytesMut, flags: Flags, stream: u32) {
        self.control(out, FrameKind::Item, flags, stream, &[]);
    }

    /// A frame of at most 16 bytes, which every header can say and every side accepts.
    fn control(&self, out: &mut BytesMut, kind: FrameKind, flags: Flags, stream: u32, fields: &[u8]) {
        let start = self.begin_v3(out, kind, flags, Some(Encoding::Json), stream);
        out.extend_from_slice(fields);
        self.place_length(out, start);
    }
}

fn write_name(name: &str, out: &mut BytesMut) -> Result<(), EncodeError> {
    match u8::try_from(name.len()) {
        Ok(length @ 1..) => out.put_u8(length),
        _ => return Err(EncodeError::new("a function's name must have 1 to 255 bytes")),
    }
    out.extend_from_slice(name.as_bytes());
    Ok(())
}

#[inline]
fn write_head(metadata: Option<&Metadata>, out: &mut BytesMut) -> Result<(), EncodeError> {
    let Some(metadata) = metadata else { return Ok(()) };
    let start = out.len();
    out.put_u16(0);
    metadata.write(out);
    let length = out.len() - start - 2;
    let limit = u16::MAX.into();
    let Ok(length) = u16::try_from(length) else {
        return Err(EncodeError::TooLarge { length: length as u64, limit });
    };
    out[start..start + 2].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

impl ErrorHeader<'_> {
    fn write_payload<E>(
        &self,
        details: Option<impl FnOnce(&mut BytesMut) -> Result<(), E>>,
        out: &mut BytesMut,
    ) -> Result<(), E> {
        let texts = [("error", Some(self.code.as_str())), ("message", self.message), ("field", self.field)];
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key, text?)));
        match self.encoding {
            Encoding::Json => {
                for (position, (key, text)) in texts.enumerate() {
                    out.put_u8(if position == 0 { b'{' } else { b',' });
                    write_json_string(key, out);
                    out.put_u8(b':');
                    write_json_string(text, out);
                }
                if let Some(details) = details {
                    out.extend_from_slice(b",\"details\":");
                    details(out)?;
                }
                out.put_u8(b'}');
            }
            Encoding::ZiProto => {
                write_ziproto_map_header(texts.clone().count() + usize::from(details.is_some()), out);
                for (key, text) in texts {
                    write_ziproto_str(key, out);
                    write_ziproto_str(text, out);
                }
                if let Some(details) = details {
                    write_ziproto_str("details", out);
                    details(out)?;
                }
            }
        }
        Ok(())
    }
}
