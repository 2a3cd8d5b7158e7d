use std::fmt;

use bytes::BytesMut;

#[cfg(feature = "zstd")]
use super::Compression;
#[cfg(feature = "sealed")]
use super::lock::Lock;
use super::{PROCESSED, Pipeline, is_processed};
use crate::error::Code;
use crate::mux::{FrameInfo, Outbound, Payload, ProcessorError};
#[cfg(feature = "sealed")]
use crate::security::{SEAL_OVERHEAD, SealError, Sealing};
use crate::wire::Framing;
use crate::wire::v3::{Flags, Frame};

/// What one connection does to the payloads that it sends.
pub struct OutboundPipeline {
    processors: Vec<Box<dyn Outbound>>,
    #[cfg(feature = "zstd")]
    compression: Option<Compression>,
    // Compressing begins when the peer has said that it reads it.
    #[cfg(feature = "zstd")]
    agreed: bool,
    #[cfg(feature = "sealed")]
    seal: Lock<Sealing>,
}

impl OutboundPipeline {
    pub(super) fn new(pipeline: &Pipeline, processors: Vec<Box<dyn Outbound>>) -> Self {
        #[cfg(not(any(feature = "zstd", feature = "sealed")))]
        let _ = pipeline;
        Self {
            processors,
            #[cfg(feature = "zstd")]
            compression: pipeline.compression,
            #[cfg(feature = "zstd")]
            agreed: false,
            #[cfg(feature = "sealed")]
            seal: Lock::new(pipeline.sealed),
        }
    }

    /// The peer's HELLO names the feature `zstd`.
    #[cfg(feature = "zstd")]
    #[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
    pub fn peer_decompresses(&mut self) {
        self.agreed = true;
    }

    /// From now on all is sealed with this.
    #[cfg(feature = "sealed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sealed")))]
    pub fn seal(&mut self, sealing: Sealing) {
        self.seal = Lock::On(sealing);
    }

    /// Whether there is nothing to do.
    #[inline]
    pub fn is_empty(&self) -> bool {
        let idle = self.processors.is_empty();
        #[cfg(feature = "zstd")]
        let idle = idle && self.compression().is_none();
        #[cfg(feature = "sealed")]
        let idle = idle && self.seal.is_off();
        idle
    }

    /// How much longer a payload may get by what is done last, in bytes: so much must be left below the limit of the
    /// other side.
    pub fn overhead(&self) -> usize {
        #[cfg(feature = "sealed")]
        if !self.seal.is_off() {
            return SEAL_OVERHEAD;
        }
        0
    }

    /// Processes the frame that lies in `out` from `start` to the end, whole and with its stream's number, and writes its
    /// flags and its length anew. Frames go through in the order in which they are written, each once.
    ///
    /// # Errors
    /// The connection must end, since the other side would miss this frame in the row. `out` ends where the frame
    /// began: nothing that should have been sealed is left in it.
    #[inline]
    pub fn outbound(
        &mut self,
        framing: &Framing,
        out: &mut BytesMut,
        start: usize,
    ) -> Result<(), ProcessorError> {
        if self.is_empty() {
            return Ok(());
        }
        let done = self.process(framing, out, start);
        if done.is_err() {
            out.truncate(start);
        }
        done
    }

    fn process(&mut self, framing: &Framing, out: &mut BytesMut, start: usize) -> Result<(), ProcessorError> {
        let frame = match framing.decode_v3(&out[start..]) {
            Ok(Ok(frame)) if start + frame.end == out.len() => frame,
            _ => return Err(ProcessorError::new(Code::ProtocolViolation, "not one whole frame to send")),
        };
        if !is_processed(frame.kind) {
            return Ok(());
        }
        if frame.flags.0 & PROCESSED.0 != 0 {
            return Err(ProcessorError::new(Code::ProtocolViolation, "a frame to send was processed before"));
        }
        let payload = start + frame.payload.start;
        let version = start + framing.header_size().bytes();
        let mut flags = frame.flags;
        if !flags.has(Flags::EMPTY) {
            self.change(&frame, out, payload)?;
            #[cfg(feature = "zstd")]
            if let Some(Compression { level, threshold }) = self.compression() {
                flags = flags.with(Flags::COMPRESSED, crate::wire::compress(out, payload, level, threshold));
            }
        }
        flags = flags.with(Flags::SEALED, self.overhead() != 0);
        out[version + 3] = flags.0;
        // Before it is sealed: a frame that is counted must be sent.
        if out.len() - version + self.overhead() > framing.max_packet_size() as usize {
            let why = format!("the other side takes {} bytes at most", framing.max_packet_size());
            return Err(ProcessorError::new(Code::PacketTooLarge, why));
        }
        #[cfg(feature = "sealed")]
        match &mut self.seal {
            Lock::Off => {}
            Lock::Waiting => return Err(SealError::Required.into()),
            Lock::On(sealing) => sealing.seal_in_place(out, version, payload)?,
        }
        framing
            .finish_v3(out, start)
            .map_err(|error| ProcessorError::new(Code::PacketTooLarge, error.to_string()))
    }

    fn change(&mut self, frame: &Frame, out: &mut BytesMut, payload: usize) -> Result<(), ProcessorError> {
        let info = FrameInfo::from(frame);
        let mut payload = Payload::new(out, payload);
        self.processors.iter_mut().try_for_each(|processor| processor.outbound(&info, &mut payload))
    }

    #[cfg(feature = "zstd")]
    #[inline]
    fn compression(&self) -> Option<Compression> {
        self.compression.filter(|_| self.agreed)
    }
}

impl fmt::Debug for OutboundPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundPipeline").field("processors", &self.processors.len()).finish_non_exhaustive()
    }
}
