use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::control::{self, ControlError};
use crate::error::Code;
use crate::wire::{EncodeError, Encoding, encode_map};

/// The end of a connection, told ahead: the payload of GOAWAY (protocol V3).
///
/// ```
/// use asyncapy::Code;
/// use asyncapy::wire::Encoding;
/// use asyncapy::wire::v3::GoAway;
///
/// let goaway = GoAway { last: 7, error: Some(Code::FlowControl), message: None };
/// let mut payload = bytes::BytesMut::new();
/// goaway.write(Encoding::Json, &mut payload)?;
/// assert_eq!(&payload[..], br#"{"last":7,"error":"ERR_FLOW_CONTROL"}"#);
/// assert_eq!(GoAway::read(&payload, Encoding::Json).unwrap(), goaway);
/// # Ok::<(), asyncapy::wire::EncodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoAway {
    /// The greatest number of a stream of the other side that was or will be run; those above it were not.
    pub last: u32,
    /// Why, if the connection ends at once; without it, the streams up to `last` go on to their end.
    pub error: Option<Code>,
    /// The same for people.
    pub message: Option<String>,
}

/// As it stands on the wire.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Form {
    last: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl GoAway {
    /// Reads the payload of a GOAWAY.
    ///
    /// # Errors
    /// It is no map in its encoding, too large, or a value is of the wrong type.
    pub fn read(payload: &[u8], encoding: Encoding) -> Result<Self, ControlError> {
        let Form { last, error, message } = control::read(payload, encoding)?;
        Ok(Self { last, error: error.map(|text| Code::from(&*text)), message })
    }

    /// Appends the payload to `out`.
    ///
    /// # Errors
    /// None that is known: every such value has a form in either encoding.
    pub fn write(&self, encoding: Encoding, out: &mut BytesMut) -> Result<(), EncodeError> {
        let error = self.error.as_ref().map(|code| code.as_str().to_owned());
        encode_map(&Form { last: self.last, error, message: self.message.clone() }, encoding, out)
    }
}
