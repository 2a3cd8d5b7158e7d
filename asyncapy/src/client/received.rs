use bytes::Bytes;

use super::scratch::Scratch;
use crate::error::{Code, Error, Result};
use crate::packet::{Packet, TypedPacket};
use crate::wire::{Encoding, PayloadLimits, View};

/// A whole frame as it came; its payload is checked by whoever wants to read it, not by the driver.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// The frame, header and all.
    pub(super) frame: Bytes,
    /// Where its payload begins.
    pub(super) payload: usize,
    pub(super) encoding: Encoding,
}

impl Received {
    /// The packet, checked whole.
    pub(super) fn into_packet(mut self, limits: &PayloadLimits) -> Result<Packet> {
        Packet::within(self.frame.split_off(self.payload), self.encoding, limits)
    }

    /// The packet, unless it says that the server refuses.
    pub(super) fn into_reply(self, limits: &PayloadLimits) -> Result<Packet> {
        let packet = self.into_packet(limits)?;
        match refusal(packet.view()) {
            Some(refused) => Err(refused),
            None => Ok(packet),
        }
    }

    /// The packet as a type.
    pub(super) fn decode<T: TypedPacket>(&self, limits: &PayloadLimits) -> Result<T> {
        self.read(limits, |view| T::decode_packet(view).map_err(|why| Error::Payload(why.to_string())))?
    }

    /// The packet as a type, unless it says that the server refuses.
    pub(super) fn decode_reply<T: TypedPacket>(&self, limits: &PayloadLimits) -> Result<T> {
        self.read(limits, |view| match refusal(view) {
            Some(refused) => Err(refused),
            None => T::decode_packet(view).map_err(|why| Error::Payload(why.to_string())),
        })?
    }

    /// What the server refuses by it, if it is an error packet.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.read(&PayloadLimits::default(), refusal).ok().flatten()
    }

    fn read<T>(&self, limits: &PayloadLimits, read: impl FnOnce(View<'_>) -> T) -> Result<T> {
        let payload = &self.frame[self.payload..];
        Scratch::with(|scratch| {
            let index = &mut scratch.index;
            index
                .build(payload, self.encoding, limits)
                .map_err(|error| Error::Protocol(error.to_string()))?;
            Ok(read(View::new(payload, self.encoding, index)))
        })
    }
}

/// An error packet as an error (protocol V2, rule 3).
fn refusal(view: View<'_>) -> Option<Error> {
    let text = |name| view.get(name).and_then(|value| value.as_str());
    if text("status")? != "failure" {
        return None;
    }
    Some(Error::Refused {
        code: Code::from(&*text("error")?),
        message: text("message").map(Into::into),
        field: text("field").map(Into::into),
    })
}
