use bytes::BytesMut;

use super::Connection;
use super::frames::Violation;
use super::scratch::Scratch;
use crate::error::Code;
use crate::mux::{InboundPipeline, OutboundPipeline, Pipeline, ProcessorError};
#[cfg(feature = "sealed")]
use crate::security::Sealer;
use crate::wire::Framing;
use crate::wire::v3::{Flags, Frame};

/// What is done to the payloads of one connection. One that does nothing to them has none of this.
pub(super) struct Payloads {
    outbound: OutboundPipeline,
    inbound: InboundPipeline,
    /// How what is sent is framed, with all that the other side takes: what is written before leaves room for the seal.
    framing: Framing,
    /// So many bytes at the front of the output have been through here; what follows them is as it was written.
    done: usize,
    /// Whether a frame could not be sent: none is after it, since the other side would miss it in the row.
    failed: bool,
}

/// A buffer that grew beyond this for one large payload is given back to the allocator, in bytes.
const KEEP_AT_MOST: usize = 256 * 1024;

impl Payloads {
    /// `longest` is what the other side takes.
    pub(super) fn new(pipeline: &Pipeline, framing: Framing, longest: u32) -> Option<Box<Self>> {
        if pipeline.is_empty() {
            return None;
        }
        let (outbound, inbound) = pipeline.connect(framing.max_packet_size() as usize);
        let framing = framing.with_max_packet_size(longest);
        Some(Box::new(Self { outbound, inbound, framing, done: 0, failed: false }))
    }

    /// The other side takes frames of so many bytes; gives how long they may be as they are written.
    pub(super) fn set_longest(&mut self, bytes: u32) -> u32 {
        self.framing = self.framing.with_max_packet_size(bytes);
        let overhead = u32::try_from(self.outbound.overhead()).unwrap_or(u32::MAX);
        bytes.saturating_sub(overhead)
    }

    /// The other side says what it can read.
    #[cfg(feature = "zstd")]
    pub(super) fn agree(&mut self, features: &[String]) {
        if features.iter().any(|feature| feature == "zstd") {
            self.outbound.peer_decompresses();
        }
    }

    /// From now on all is sealed.
    #[cfg(feature = "sealed")]
    pub(super) fn seal(&mut self, sealer: Sealer) {
        self.outbound.seal(sealer.seal);
        self.inbound.open(sealer.open);
    }

    /// Whether what comes is taken as it is, but for frames whose flags say otherwise.
    fn takes_as_it_is(&self, frame: &Frame) -> bool {
        self.inbound.is_empty() && is_plain(frame)
    }

    /// Does what is to be done to the frames that were written since the last time; `written` is a buffer to do it with.
    fn send(&mut self, output: &mut BytesMut, written: &mut BytesMut) -> Result<(), ProcessorError> {
        if self.outbound.is_empty() && !self.failed {
            return Ok(());
        }
        written.clear();
        written.extend_from_slice(output.get(self.done..).unwrap_or_default());
        output.truncate(self.done);
        let mut result = Ok(());
        let mut at = 0;
        // Whatever is too long for the other side, it is a frame here.
        let cut = self.framing.with_max_packet_size(u32::MAX);
        while let Ok(Ok(frame)) = cut.decode_v3(&written[at..]) {
            let start = output.len();
            let processed = frame.kind.allowed().has(Flags::SEALED);
            // Control frames are sent whatever has failed: they are not in the row.
            if !processed || !self.failed {
                output.extend_from_slice(&written[at..at + frame.end]);
            }
            if processed
                && !self.failed
                && let Err(error) = self.outbound.outbound(&self.framing, output, start)
            {
                self.failed = true;
                result = Err(error);
            }
            at += frame.end;
        }
        if at != written.len() {
            self.failed = true;
            result = Err(ProcessorError::new(Code::ProtocolViolation, "what is to be sent is no frame"));
        }
        self.done = output.len();
        result
    }
}

/// Whether a frame's payload is what the application has written, as far as its flags tell.
fn is_plain(frame: &Frame) -> bool {
    frame.flags.0 & (Flags::COMPRESSED.0 | Flags::SEALED.0) == 0
}

impl Connection {
    /// Handles one frame, its payload as the other side's application has written it; `bytes` begin with the frame.
    #[inline]
    pub(super) fn take(
        &mut self,
        frame: &Frame,
        bytes: &[u8],
        scratch: &mut Scratch,
    ) -> Result<(), Violation> {
        let as_it_is = match &self.payloads {
            None => is_plain(frame),
            Some(payloads) => payloads.takes_as_it_is(frame),
        };
        if as_it_is {
            return self.frame(frame, bytes, &bytes[frame.payload.clone()], scratch);
        }
        self.restore(frame, bytes, scratch)
    }

    fn restore(&mut self, frame: &Frame, bytes: &[u8], scratch: &mut Scratch) -> Result<(), Violation> {
        let Some(payloads) = &mut self.payloads else {
            return Err(match frame.flags.has(Flags::SEALED) {
                true => Violation::new(Code::SealInvalid, "a payload does not open: nothing is sealed here"),
                false => Violation::new(Code::HeaderInvalid, "compression was not agreed on"),
            });
        };
        let mut plain = std::mem::take(&mut scratch.plain);
        plain.clear();
        plain.extend_from_slice(&bytes[frame.payload.clone()]);
        let header = &bytes[self.framing.header_size().bytes()..frame.payload.start];
        let handled = match payloads.inbound.inbound(frame, header, &mut plain) {
            Ok(()) => self.frame(frame, bytes, &plain, scratch),
            Err(error) => Err(error.into()),
        };
        if plain.capacity() <= KEEP_AT_MOST {
            scratch.plain = plain;
        }
        handled
    }

    /// Does what is to be done to what was written, before it is sent.
    pub(super) fn process(&mut self, scratch: &mut Scratch) -> Result<(), Violation> {
        let Some(payloads) = &mut self.payloads else { return Ok(()) };
        if payloads.done < self.output.len() {
            payloads.send(&mut self.output, &mut scratch.plain)?;
            if scratch.plain.capacity() > KEEP_AT_MOST {
                scratch.plain = BytesMut::new();
            }
        }
        Ok(())
    }

    /// Some of the output was sent; all of it had been [processed](Self::process).
    #[inline]
    pub(super) fn sent(&mut self) {
        if let Some(payloads) = &mut self.payloads {
            payloads.done = self.output.len();
        }
    }
}

impl From<ProcessorError> for Violation {
    fn from(error: ProcessorError) -> Self {
        let (code, message) = error.into_parts();
        Self { code, message }
    }
}
