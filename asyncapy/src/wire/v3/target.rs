use bytes::{BufMut, BytesMut};

use super::Flags;
use super::frame::PREFIX;
use crate::wire::Framing;

impl Framing {
    /// Puts a target's number into an OPEN that was written with another: numbers are given when it is sent.
    ///
    /// `frame` begins with the frame; what is shorter than an OPEN is left as it is.
    #[inline]
    pub fn set_target(&self, frame: &mut [u8], target: u16) {
        let place = self.header_size().bytes() + PREFIX;
        if let Some(number) = frame.get_mut(place..).and_then(<[u8]>::first_chunk_mut) {
            *number = target.to_be_bytes();
        }
    }

    /// Appends to `out` an OPEN that was written without a name, with one: a name of 1 to 255 bytes.
    pub fn append_named(&self, frame: &[u8], name: &str, out: &mut BytesMut) {
        let header = self.header_size().bytes();
        let place = header + PREFIX + 2;
        let (Some((front, rest)), Ok(length)) = (frame.split_at_checked(place), u8::try_from(name.len()))
        else {
            debug_assert!(false, "an OPEN with a name that fits");
            return;
        };
        let start = out.len();
        out.extend_from_slice(front);
        out[start + header + 3] |= Flags::NAME.0;
        out.put_u8(length);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(rest);
        self.place_length(out, start);
    }

    /// Appends the ITEM that says that no more items come: END and EMPTY.
    pub fn encode_end(&self, out: &mut BytesMut, stream: u32) {
        self.bare_item(out, Flags::END | Flags::EMPTY, stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v3::{Fields, OpenHeader};
    use crate::wire::{EncodeError, Encoding};

    #[test]
    fn a_name_can_be_put_in_later() {
        let framing = Framing::default();
        let encoding = Some(Encoding::Json);
        let write = |out: &mut BytesMut| {
            out.extend_from_slice(b"[1]");
            Ok::<_, EncodeError>(())
        };
        let mut late = BytesMut::new();
        let open = OpenHeader { encoding, deadline: Some(5), ..OpenHeader::default() };
        framing.encode_open(&mut late, &open, write).unwrap();
        framing.set_stream(&mut late, 9);
        framing.set_target(&mut late, 7);
        let mut named = BytesMut::new();
        framing.append_named(&late, "math.sum", &mut named);

        let mut at_once = BytesMut::new();
        let open = OpenHeader { stream: 9, target: 7, name: Some("math.sum"), ..open };
        framing.encode_open(&mut at_once, &open, write).unwrap();
        assert_eq!(named, at_once);
        let frame = framing.decode_v3(&late).unwrap().unwrap();
        assert_eq!(frame.fields, Fields::Open { target: 7, name: None, deadline: Some(5) });
    }

    #[test]
    fn an_end_is_an_item_without_a_value() {
        let mut out = BytesMut::new();
        Framing::default().encode_end(&mut out, 3);
        let frame = Framing::default().decode_v3(&out).unwrap().unwrap();
        assert_eq!((frame.stream, frame.flags), (3, Flags::END | Flags::EMPTY));
    }
}
