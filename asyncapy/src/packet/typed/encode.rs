use bytes::{BufMut, BytesMut};
use serde_json::{Map, Value};

use crate::wire::{EncodeError, Encoding, encode_map, write_ziproto_map_header};

/// What can be written as a packet's payload: a map.
///
/// Typed packets are (`#[derive(Packet)]`), and so are maps made with `serde_json::json!`.
///
/// ```
/// # extern crate asyncapy;
/// use asyncapy::packet::EncodePacket;
/// use asyncapy::wire::Encoding;
///
/// #[derive(asyncapy::Packet)]
/// struct Welcome {
///     user: String,
///     visits: u32,
/// }
///
/// let mut out = bytes::BytesMut::new();
/// Welcome { user: "ann".to_owned(), visits: 3 }.encode_packet(Encoding::Json, &mut out)?;
/// assert_eq!(&out[..], br#"{"user":"ann","visits":3}"#);
/// # Ok::<(), asyncapy::wire::EncodeError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as a packet",
    label = "not a packet",
    note = "derive it: `#[derive(Packet)]` on the struct or enum",
    note = "a `serde_json::Value` that is a map will do as well"
)]
pub trait EncodePacket {
    /// Appends the payload to `out`.
    ///
    /// # Errors
    ///
    /// The value is no map, or holds what the encoding cannot say, such as NaN in JSON (protocol V2, rule 8). `out` is
    /// then as it was.
    fn encode_packet(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError>;

    /// The payload, where it is already written in that encoding.
    #[doc(hidden)]
    fn written(&self, encoding: Encoding) -> Option<&[u8]> {
        let _ = encoding;
        None
    }
}

impl<T: EncodePacket + ?Sized> EncodePacket for &T {
    fn written(&self, encoding: Encoding) -> Option<&[u8]> {
        (**self).written(encoding)
    }

    fn encode_packet(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
        (**self).encode_packet(encoding, out)
    }
}

impl EncodePacket for Map<String, Value> {
    fn encode_packet(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode_map(self, encoding, out)
    }
}

/// Maps alone; any other value is an error.
impl EncodePacket for Value {
    fn encode_packet(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode_map(self, encoding, out)
    }
}

/// Appends what `write` writes, or nothing where it fails.
#[inline]
pub fn write_whole(
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    write(out).inspect_err(|_| out.truncate(start))
}

/// Ends a JSON map that began at `start`. Each key brought a comma in front: the first becomes the map's brace.
#[inline]
pub fn close_json(start: usize, out: &mut BytesMut) {
    match out.get_mut(start) {
        Some(first) => *first = b'{',
        None => out.put_u8(b'{'),
    }
    out.put_u8(b'}');
}

/// Begins a ZiProto map of so many fields.
#[inline]
pub fn open_ziproto(fields: usize, out: &mut BytesMut) {
    write_ziproto_map_header(fields, out);
}
