//! What a server says that lets a connection not even in: a packet of protocol V2, since it has read nothing and cannot
//! know which version its client speaks (protocol V3, "A connection that is refused").

use bytes::Bytes;
use serde::Deserialize;
use tracing::debug;

use super::Connection;
use super::frames::Violation;
use crate::wire::v3::FrameError;
use crate::wire::{self, Encoding, Framing, Index, PayloadLimits};

/// A refusal at the front of what has come.
#[derive(Debug, PartialEq)]
enum Refusal {
    /// It is whole.
    Told { encoding: Encoding, payload: Bytes },
    /// It may be one; so many bytes in all are needed to tell.
    Begun(usize),
}

/// The fields of an error packet, as far as they are told on.
#[derive(Deserialize)]
struct ErrorPacket {
    status: String,
    error: String,
    #[serde(default, rename = "message")]
    _message: Option<String>,
    #[serde(default, rename = "field")]
    _field: Option<String>,
}

impl Refusal {
    /// None if it is anything else.
    fn read(framing: Framing, input: &[u8]) -> Option<Self> {
        let frame = match framing.decode(input).ok()? {
            Ok(frame) => frame,
            Err(needed) => return Some(Self::Begun(needed)),
        };
        let payload = &input[frame.payload];
        // Nobody knows whose bytes these are: they are gone through before anything is made of them.
        Index::default().build(payload, frame.encoding, &PayloadLimits::default()).ok()?;
        let packet: ErrorPacket = wire::decode_value(payload, frame.encoding).ok()?;
        let refuses = packet.status == "failure" && !packet.error.is_empty();
        refuses.then(|| Self::Told { encoding: frame.encoding, payload: Bytes::copy_from_slice(payload) })
    }
}

impl Connection {
    /// What has come, `input`, is no frame of V3. As long as there was none, a server may refuse the connection with it:
    /// then that is why no stream is run. Whatever else it is ends the connection.
    #[cold]
    pub(super) fn no_frame(&mut self, input: &[u8], error: &FrameError) -> Result<(), Violation> {
        let refusal = if self.unheard { Refusal::read(self.framing, input) } else { None };
        match refusal {
            Some(Refusal::Told { encoding, payload }) => {
                debug!(part = "Client handler", "The server refuses the connection");
                self.mux.with(|state, woken| state.dismiss(0, encoding, &payload, woken));
                self.dismissed = true;
                Ok(())
            }
            Some(Refusal::Begun(needed)) => {
                self.needed = needed;
                Ok(())
            }
            None => {
                debug!(part = "Client handler", %error, "What came is no frame");
                Err(Violation::new(error.code(), "what came is no frame of this protocol"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &str) -> Vec<u8> {
        let mut packet = u32::try_from(payload.len() + 2).unwrap().to_be_bytes().to_vec();
        packet.extend_from_slice(&[22, 0]);
        packet.extend_from_slice(payload.as_bytes());
        packet
    }

    fn read(input: &[u8]) -> Option<Refusal> {
        Refusal::read(Framing::default(), input)
    }

    #[test]
    fn a_failure_with_a_code_is_one_once_it_is_whole() {
        let payload = r#"{"status": "failure", "error": "ERR_FULL", "message": "ask later"}"#;
        let input = packet(payload);
        for end in 5..input.len() {
            assert_eq!(read(&input[..end]), Some(Refusal::Begun(input.len())), "{end}");
        }
        let told = Refusal::Told { encoding: Encoding::Json, payload: payload.as_bytes().to_vec().into() };
        assert_eq!(read(&input), Some(told));
    }

    #[test]
    fn anything_else_is_none() {
        for payload in [
            r#"{"status": "success", "error": "ERR_FULL"}"#,
            r#"{"status": "failure"}"#,
            r#"{"error": "ERR_FULL"}"#,
            r#"{"status": "failure", "error": ""}"#,
            r#"{"status": "failure", "error": 7}"#,
            r#"{"status": "failure", "error": "ERR_FULL", "message": 7}"#,
            r#"{"status": "failure", "error": "ERR_FULL""#,
            r#"["status", "failure"]"#,
        ] {
            assert_eq!(read(&packet(payload)), None, "{payload}");
        }
        let deep = format!(r#"{{"status":"failure","error":"E","x":{}{}}}"#, "[".repeat(65), "]".repeat(65));
        assert_eq!(read(&packet(&deep)), None);
        assert_eq!(read(&[0, 0, 0, 4, 23, 0]), None);
        // Longer than any frame may be.
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 22, 0]), None);
    }
}
