use std::collections::BTreeMap;
use std::fmt;

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::control::{self, ControlError};
use crate::wire::{EncodeError, Encoding, encode_map};

/// What a side says of itself before all else: the payload of HELLO (protocol V3). Nothing in it is required; keys that
/// are not known are passed over.
///
/// ```
/// use asyncapy::wire::Encoding;
/// use asyncapy::wire::v3::Hello;
///
/// let hello = Hello { agent: Some("door/2".into()), features: vec!["zstd".into()], ..Hello::default() };
/// let mut payload = bytes::BytesMut::new();
/// hello.write(Encoding::Json, &mut payload)?;
/// assert_eq!(&payload[..], br#"{"agent":"door/2","features":["zstd"]}"#);
/// assert_eq!(Hello::read(&payload, Encoding::Json).unwrap(), hello);
/// # Ok::<(), asyncapy::wire::EncodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// The program and its version, for the other side's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Who the sender says that it is; nothing rests on it but what the credentials show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// What shows who the sender is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// What the application wants to say for all streams.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// What the sender accepts.
    #[serde(skip_serializing_if = "PeerLimits::is_empty")]
    pub limits: PeerLimits,
    /// What the sender can do beyond the least: `zstd`, `sealed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// How the sender will seal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealOffer>,
}

/// What shows who a side is. `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Credentials {
    /// An API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("api_key", &self.api_key.as_ref().map(|_| "..")).finish()
    }
}

/// What a side accepts. What is not said is the protocol's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerLimits {
    /// The greatest Content-Length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_size: Option<u32>,
    /// The longest head, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_size: Option<u32>,
    /// How many streams the other side may have open at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<u32>,
    /// The greatest number of a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<u32>,
    /// After so much silence the sender sends a PING, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_interval: Option<u32>,
}

impl PeerLimits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How a side will seal what it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SealOffer {
    /// Which of the keys that both know.
    pub key: String,
    /// What makes of it a key for this connection alone, in hexadecimal digits.
    pub salt: String,
}

impl Hello {
    /// Reads the payload of a HELLO.
    ///
    /// # Errors
    /// It is no map in its encoding, too large, or a value is of the wrong type.
    pub fn read(payload: &[u8], encoding: Encoding) -> Result<Self, ControlError> {
        control::read(payload, encoding)
    }

    /// Appends the payload to `out`.
    ///
    /// # Errors
    /// None that is known: every such value has a form in either encoding.
    pub fn write(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode_map(self, encoding, out)
    }
}
