use tracing::debug;

use super::Connection;
use super::frames::Violation;
use crate::error::Code;
use crate::mux::Side;
use crate::rpc::HelloMetadata;
#[cfg(feature = "sealed")]
use crate::rpc::serving::Seal;
#[cfg(feature = "sealed")]
use crate::security::{Handshake, SealError};
use crate::wire::Encoding;
use crate::wire::v3::{Frame, Hello};

/// Our side's part of the agreement on how to seal.
#[cfg(feature = "sealed")]
pub(super) struct Begun {
    handshake: Handshake,
    /// Which key it is.
    id: String,
    /// Our HELLO, from its version byte to its end: it takes part in the keys.
    hello: Vec<u8>,
}

/// What a side must take at least: an error that says no more than its code, whatever else.
const LEAST_PACKET_SIZE: u32 = 128;

impl Connection {
    /// Says who we are, if we speak first.
    pub(super) fn greet(&mut self) -> Result<(), Violation> {
        #[cfg(feature = "sealed")]
        if let (Side::Connecting, Some(Seal::With(key))) = (self.side, &self.serving.seal) {
            let mut hello = match self.hello.take() {
                Some(hello) => hello,
                None => self.serving.hello(self.packet_size),
            };
            let handshake = Handshake::connecting(key).map_err(refused)?;
            let id = key.id().to_owned();
            hello.seal = Some(handshake.offer());
            let hello = self.say_hello(&hello)?.to_vec();
            self.begun = Some(Box::new(Begun { handshake, id, hello }));
            return Ok(());
        }
        if let Some(hello) = self.hello.take() {
            self.say_hello(&hello)?;
        }
        Ok(())
    }

    /// The other side says who it is; `bytes` begin with the frame.
    pub(super) fn hello(&mut self, frame: &Frame, bytes: &[u8]) -> Result<(), Violation> {
        if std::mem::replace(&mut self.greeted, true) {
            return Err(Violation::new(Code::ProtocolViolation, "a second HELLO"));
        }
        let payload = &bytes[frame.payload.clone()];
        let hello = Hello::read(payload, frame.encoding.unwrap_or(Encoding::Json)).map_err(|error| {
            debug!(part = "Client handler", %error, "A HELLO cannot be read");
            Violation::new(error.code(), "the HELLO cannot be read")
        })?;
        if hello.limits.packet_size.is_some_and(|bytes| bytes < LEAST_PACKET_SIZE) {
            return Err(Violation::new(Code::FieldInvalid, "no error fits into a `packet_size` below 128"));
        }
        if self.side == Side::Accepting {
            self.serving.admit(&hello, &self.client).map_err(|(code, why)| Violation::new(code, why))?;
            let own = self.serving.hello(self.packet_size);
            #[cfg(feature = "sealed")]
            self.answer_sealed(own, &hello, &bytes[self.framing.header_size().bytes()..frame.end])?;
            #[cfg(not(feature = "sealed"))]
            self.say_hello(&own)?;
        }
        #[cfg(feature = "sealed")]
        if let Some(begun) = self.begun.take() {
            let theirs = &bytes[self.framing.header_size().bytes()..frame.end];
            self.seal_with(*begun, &hello, theirs)?;
        }
        self.note(hello);
        Ok(())
    }

    /// Keeps what the other side has said of itself: now it may call.
    fn note(&mut self, hello: Hello) {
        if let Some(bytes) = hello.limits.packet_size {
            let bytes = match &mut self.payloads {
                Some(payloads) => payloads.set_longest(bytes),
                None => bytes,
            };
            self.mux.set_longest(bytes);
        }
        #[cfg(feature = "zstd")]
        if let Some(payloads) = &mut self.payloads {
            payloads.agree(&hello.features);
        }
        if !hello.metadata.is_empty() {
            self.client.session().insert(HelloMetadata::new(hello.metadata));
        }
        self.admitted = true;
        self.pulse.greet_by = None;
        self.framing = self.framing.with_max_packet_size(self.packet_size);
        let streams = hello.limits.streams;
        self.mux.with(|state, woken| {
            if let Some(streams) = streams {
                state.allow(streams as usize, woken);
            }
            state.release(woken);
            state.greet(woken);
        });
    }

    /// Says who we are, before anything else; gives what stands on the wire, from the version byte on.
    fn say_hello(&mut self, hello: &Hello) -> Result<&[u8], Violation> {
        let start = self.output.len();
        self.framing
            .with_max_packet_size(self.packet_size)
            .encode_hello(&mut self.output, Encoding::Json, hello)
            .map_err(|error| {
                debug!(part = "Client handler", %error, "A HELLO does not fit the header");
                Violation::new(Code::PacketTooLarge, "a HELLO does not fit the header")
            })?;
        Ok(&self.output[start + self.framing.header_size().bytes()..])
    }

    /// Answers the HELLO that stands in `theirs`, and seals from then on where that is asked for.
    #[cfg(feature = "sealed")]
    fn answer_sealed(&mut self, mut own: Hello, hello: &Hello, theirs: &[u8]) -> Result<(), Violation> {
        let Some(Seal::Any(keys)) = &self.serving.seal else {
            self.say_hello(&own)?;
            return Ok(());
        };
        let offer = hello.seal.as_ref().ok_or(SealError::Required).map_err(refused)?;
        let handshake = keys.accept(&offer.key).map_err(refused)?;
        let salt = offer.salt.parse().map_err(refused)?;
        own.seal = Some(handshake.offer());
        let ours = self.say_hello(&own)?;
        let sealer = handshake.finish(&salt, [theirs, ours]).map_err(refused)?;
        if let Some(payloads) = &mut self.payloads {
            payloads.seal(sealer);
        }
        Ok(())
    }

    /// The other side has answered: what follows is sealed.
    #[cfg(feature = "sealed")]
    fn seal_with(&mut self, begun: Begun, hello: &Hello, theirs: &[u8]) -> Result<(), Violation> {
        let offer = hello.seal.as_ref().ok_or(SealError::Required).map_err(refused)?;
        if offer.key != begun.id {
            return Err(Violation::new(Code::SealInvalid, "the other side answers with another key"));
        }
        let salt = offer.salt.parse().map_err(refused)?;
        let sealer = begun.handshake.finish(&salt, [&begun.hello, theirs]).map_err(refused)?;
        if let Some(payloads) = &mut self.payloads {
            payloads.seal(sealer);
        }
        Ok(())
    }
}

/// What the other side is told.
#[cfg(feature = "sealed")]
fn refused(error: SealError) -> Violation {
    debug!(part = "Client handler", error = ?error, "No agreement on how to seal");
    let message = match error {
        SealError::Required => "payloads must be sealed here",
        SealError::UnknownKey { .. } => "the key to seal with is not taken here",
        SealError::Salt => "the salt is not 64 lowercase hexadecimal digits",
        SealError::Random(_) => "no keys could be made",
        _ => "no keys could be agreed on",
    };
    Violation::new(error.code(), message)
}
