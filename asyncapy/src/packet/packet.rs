use std::fmt;
use std::ops;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{EncodePacket, Origin, TypedPacket};
use crate::error::{Error, Rejection, Result};
use crate::wire::{self, EncodeError, Encoding, Index, PayloadLimits, Value, View};

/// A packet: its payload's bytes, and an index of its fields that is built when it is first asked for.
///
/// It reads like a Python dict: [`get`](Self::get), `packet["field"]`, [`contains`](Self::contains),
/// [`iter`](Self::iter), [`len`](Self::len). Cloning it copies no payload.
///
/// ```
/// use asyncapy::Packet;
///
/// let packet: Packet = r#"{"test": 1}"#.parse()?;
/// assert_eq!(packet.get("test").and_then(|value| value.as_i64()), Some(1));
/// assert_eq!(packet["test"], 1);
/// assert!(packet.contains("test"));
/// assert_eq!(packet.to_string(), r#"Packet({"test": 1})"#);
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[derive(Clone)]
pub struct Packet {
    payload: Bytes,
    encoding: Encoding,
    /// Built on first use: an echo never needs it.
    index: OnceLock<Index>,
    /// The decoded map behind `packet["field"]`, which must hand out references.
    map: OnceLock<serde_json::Map<String, serde_json::Value>>,
    /// The dispatch that `stop_propagation` reaches, and the packet's number there.
    origin: Option<(Arc<dyn Origin>, u64)>,
}

impl Packet {
    /// A packet from anything that serializes as a map, in JSON.
    ///
    /// # Errors
    /// [`Error::Payload`] if the value is no map or cannot be written.
    ///
    /// ```
    /// let packet = asyncapy::Packet::new(&serde_json::json!({"foo": "bar"}))?;
    /// assert_eq!(packet.payload(), br#"{"foo":"bar"}"#);
    /// # Ok::<(), asyncapy::Error>(())
    /// ```
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Self::encoded(value, Encoding::Json)
    }

    /// A packet from anything that serializes as a map, in the encoding asked for.
    ///
    /// # Errors
    /// [`Error::Payload`] if the value is no map or cannot be written in that encoding.
    pub fn encoded<T: Serialize + ?Sized>(value: &T, encoding: Encoding) -> Result<Self> {
        let mut payload = BytesMut::new();
        wire::encode_map(value, encoding, &mut payload)?;
        Ok(Self::checked(payload.freeze(), encoding))
    }

    /// A packet from its payload's bytes, which are checked whole.
    ///
    /// # Errors
    /// [`Error::Protocol`] if they do not decode in that encoding, are no map, or exceed the default
    /// [`PayloadLimits`].
    ///
    /// ```
    /// use asyncapy::{Encoding, Packet};
    /// let packet = Packet::from_bytes(&b"\x81\xa3foo\xa3bar"[..], Encoding::ZiProto)?;
    /// assert_eq!(packet.to_string(), r#"Packet({"foo": "bar"})"#);
    /// # Ok::<(), asyncapy::Error>(())
    /// ```
    pub fn from_bytes(payload: impl Into<Bytes>, encoding: Encoding) -> Result<Self> {
        Self::within(payload.into(), encoding, &PayloadLimits::default())
    }

    /// A packet from its payload's bytes, within these limits.
    pub(crate) fn within(payload: Bytes, encoding: Encoding, limits: &PayloadLimits) -> Result<Self> {
        let mut index = Index::default();
        index.build(&payload, encoding, limits).map_err(|error| Error::Protocol(error.to_string()))?;
        let packet = Self::checked(payload, encoding);
        Ok(Self { index: OnceLock::from(index), ..packet })
    }

    /// A packet whose payload an [`Index`] has accepted before, or that we wrote ourselves.
    pub(crate) fn checked(payload: Bytes, encoding: Encoding) -> Self {
        Self { payload, encoding, index: OnceLock::new(), map: OnceLock::new(), origin: None }
    }

    /// Ties the packet to the dispatch that it is part of.
    pub(crate) fn with_origin(mut self, origin: Arc<dyn Origin>, number: u64) -> Self {
        self.origin = Some((origin, number));
        self
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload's encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The payload, indexed.
    pub fn view(&self) -> View<'_> {
        let index = self.index.get_or_init(|| {
            let mut index = Index::default();
            // What was checked before is accepted again under any limits; were it not, the packet has no fields.
            let limits = PayloadLimits { depth: u16::MAX, nodes: u32::MAX };
            if index.build(&self.payload, self.encoding, &limits).is_err() {
                index = Index::default();
            }
            index
        });
        View::new(&self.payload, self.encoding, index)
    }

    /// The field `name`, read in place; the last one where it stands more than once.
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        self.view().get(name)
    }

    /// Whether there is a field `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fields in the order in which they stand.
    ///
    /// ```
    /// let packet: asyncapy::Packet = r#"{"a": 1, "b": [2]}"#.parse()?;
    /// let names: Vec<_> = packet.iter().map(|(name, _)| name.into_owned()).collect();
    /// assert_eq!(names, ["a", "b"]);
    /// # Ok::<(), asyncapy::Error>(())
    /// ```
    pub fn iter(&self) -> Iter<'_> {
        Iter { view: self.view(), next: 0 }
    }

    /// The whole payload as a type of serde's.
    ///
    /// # Errors
    /// [`Error::Payload`] if it does not fit the type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(self.view().deserialize()?)
    }

    /// The payload as a typed packet.
    ///
    /// # Errors
    /// The [`Rejection`] that a handler's client would be sent, with the field that is to blame.
    pub fn typed<T: TypedPacket>(&self) -> Result<T, Rejection> {
        T::decode_packet(self.view())
    }

    /// The same packet in another encoding; the same bytes where it is in that encoding already.
    ///
    /// # Errors
    /// [`Error::Payload`] for what the other encoding cannot say: NaN in JSON, an integer beyond 64 bits in ZiProto.
    pub fn to_encoding(&self, encoding: Encoding) -> Result<Self> {
        if encoding == self.encoding {
            return Ok(self.clone());
        }
        let mut payload = BytesMut::with_capacity(self.payload.len() * 2);
        wire::transcode(&self.payload, self.encoding, encoding, &mut payload)?;
        Ok(Self::checked(payload.freeze(), encoding))
    }

    /// Keeps the packet from the handlers of the groups that come next.
    ///
    /// The handler that calls it runs on; its reply is sent. On a packet that came over no connection it does nothing.
    pub fn stop_propagation(&self) {
        if let Some((origin, number)) = &self.origin {
            origin.stop_propagation(*number);
        }
    }

    fn map(&self) -> &serde_json::Map<String, serde_json::Value> {
        self.map.get_or_init(|| {
            let decoded = self.to_encoding(Encoding::Json).and_then(|packet| packet.deserialize());
            // Only NaN has no place in JSON: such a packet reads as empty here, `get` still tells its fields.
            decoded.unwrap_or_default()
        })
    }
}

impl EncodePacket for Packet {
    fn encode_packet(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
        wire::transcode(&self.payload, self.encoding, encoding, out)
    }

    fn written(&self, encoding: Encoding) -> Option<&[u8]> {
        (encoding == self.encoding).then_some(&*self.payload)
    }
}

/// `packet["field"]`: the decoded value, null where there is no such field.
impl ops::Index<&str> for Packet {
    type Output = serde_json::Value;

    fn index(&self, name: &str) -> &serde_json::Value {
        static NULL: serde_json::Value = serde_json::Value::Null;
        self.map().get(name).unwrap_or(&NULL)
    }
}

/// From a JSON text.
impl FromStr for Packet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::from_bytes(Bytes::copy_from_slice(text.as_bytes()), Encoding::Json)
    }
}

/// Equal where they decode to the same values, whatever their encodings.
impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        (self.encoding == other.encoding && self.payload == other.payload) || self.map() == other.map()
    }
}

/// `Packet({"test": 1})`, as AsyncAPY prints it.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packet(")?;
        let mut json = BytesMut::with_capacity(self.payload.len() * 2);
        self.view().write_json_spaced(&mut json);
        f.write_str(&String::from_utf8_lossy(&json))?;
        f.write_str(")")
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> IntoIterator for &'a Packet {
    type Item = (std::borrow::Cow<'a, str>, Value<'a>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The fields of a packet: see [`Packet::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    view: View<'a>,
    next: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (std::borrow::Cow<'a, str>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next;
        (at < self.view.len()).then(|| {
            self.next += 1;
            (self.view.key(at), self.view.value(at))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.view.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
