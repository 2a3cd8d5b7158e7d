use bytes::BytesMut;

use super::middleware::PacketReply;
use super::{Flow, error_packet};
use crate::error::{Failure, Rejection};
use crate::packet::{EncodePacket, Packet};
use crate::wire::{EncodeError, Encoding, Framing};

/// A handler's reply, kept for the middleware around it in the place of being written.
#[derive(Default)]
pub(super) struct Captured {
    packets: Vec<Packet>,
    failure: Option<Rejection>,
}

impl Captured {
    pub(super) fn packet(
        &mut self,
        packet: &impl EncodePacket,
        encoding: Encoding,
    ) -> Result<(), EncodeError> {
        let mut payload = BytesMut::new();
        packet.encode_packet(encoding, &mut payload)?;
        self.settle(encoding);
        self.packets.push(Packet::checked(payload.freeze(), encoding));
        Ok(())
    }

    pub(super) fn failure(&mut self, failure: &(impl Failure + ?Sized), encoding: Encoding) {
        self.settle(encoding);
        let mut rejection = Rejection::new(failure.code());
        if let Some(field) = failure.field() {
            rejection = rejection.field(field.into_owned());
        }
        if let Some(message) = failure.message() {
            rejection = rejection.message(message.into_owned());
        }
        self.failure = Some(rejection);
    }

    /// A failure that is not all that there is to say becomes a packet like the others.
    fn settle(&mut self, encoding: Encoding) {
        let Some(failure) = self.failure.take() else { return };
        let framing = Framing::default();
        let mut frame = BytesMut::new();
        error_packet::write(&failure, framing, encoding, &mut frame);
        if let Ok(Ok(read)) = framing.decode(&frame) {
            let payload = frame.freeze().slice(read.payload);
            self.packets.push(Packet::checked(payload, encoding));
        }
    }

    /// What has come of the packet.
    pub(super) fn outcome(mut self, flow: Flow, encoding: Encoding) -> Result<PacketReply, Rejection> {
        match self.failure.take() {
            // It says both by itself.
            Some(failure) if self.packets.is_empty() && flow == Flow::Stop => return Err(failure),
            failure => self.failure = failure,
        }
        self.settle(encoding);
        Ok(PacketReply::none().with_flow(flow).with_packets(self.packets))
    }
}
