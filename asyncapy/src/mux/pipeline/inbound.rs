use std::fmt;

use bytes::BytesMut;

#[cfg(feature = "sealed")]
use super::lock::Lock;
use super::{PROCESSED, Pipeline, is_processed};
use crate::error::Code;
use crate::mux::{FrameInfo, Inbound, Payload, ProcessorError};
#[cfg(feature = "sealed")]
use crate::security::{Opening, SealError};
use crate::wire::v3::{Flags, Frame};

/// What one connection does to the payloads that it receives.
pub struct InboundPipeline {
    // In the order in which they run: the last of the pipeline first.
    processors: Vec<Box<dyn Inbound>>,
    limit: usize,
    #[cfg(feature = "zstd")]
    decompresses: bool,
    #[cfg(feature = "sealed")]
    seal: Lock<Opening>,
}

impl InboundPipeline {
    pub(super) fn new(pipeline: &Pipeline, processors: Vec<Box<dyn Inbound>>, limit: usize) -> Self {
        #[cfg(not(any(feature = "zstd", feature = "sealed")))]
        let _ = pipeline;
        Self {
            processors,
            limit,
            #[cfg(feature = "zstd")]
            decompresses: pipeline.is_compressed(),
            #[cfg(feature = "sealed")]
            seal: Lock::new(pipeline.sealed),
        }
    }

    /// From now on all must be sealed, and is opened with this.
    #[cfg(feature = "sealed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sealed")))]
    pub fn open(&mut self, opening: Opening) {
        self.seal = Lock::On(opening);
    }

    /// Whether there is nothing to do for a frame that is neither compressed nor sealed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        let idle = self.processors.is_empty();
        #[cfg(feature = "sealed")]
        let idle = idle && self.seal.is_off();
        idle
    }

    /// Processes a received payload: `payload` holds it and nothing else, `header` is what stands before it in the
    /// frame, from the version byte on. Every frame goes through, in the order in which it came, so that none can do
    /// without the seal that it needs.
    ///
    /// # Errors
    /// The connection must end: what comes next cannot be trusted. The peer reads the code:
    /// - `ERR_SEAL_REQUIRED`: it is not sealed and must be;
    /// - `ERR_SEAL_INVALID`: it does not open, or no keys were agreed on;
    /// - `ERR_PACKET_TOO_LARGE`: it is longer than the limit once it is as it was;
    /// - `ERR_REQUEST_MALFORMED`: it does not decompress, or says that it is nothing and is not;
    /// - `ERR_HEADER_INVALID`: it is compressed, and that was not agreed on;
    /// - any code of an own processor.
    #[inline]
    pub fn inbound(
        &mut self,
        frame: &Frame,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), ProcessorError> {
        if self.is_empty() && frame.flags.0 & PROCESSED.0 == 0 {
            return Ok(());
        }
        self.process(frame, header, payload)
    }

    fn process(
        &mut self,
        frame: &Frame,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), ProcessorError> {
        if !is_processed(frame.kind) {
            return Ok(());
        }
        self.unseal(frame.flags, header, payload)?;
        if frame.flags.has(Flags::EMPTY) {
            return match payload.is_empty() {
                true => Ok(()),
                false => Err(ProcessorError::new(Code::RequestMalformed, "a frame said to be empty is not")),
            };
        }
        if frame.flags.has(Flags::COMPRESSED) {
            self.decompress(payload)?;
        }
        let info = FrameInfo::from(frame);
        for processor in &mut self.processors {
            processor.inbound(&info, &mut Payload::new(payload, 0))?;
        }
        if payload.len() > self.limit && !self.processors.is_empty() {
            let why = format!("a processed payload is longer than the {} bytes that are allowed", self.limit);
            return Err(ProcessorError::new(Code::PacketTooLarge, why));
        }
        Ok(())
    }

    #[cfg(feature = "sealed")]
    fn unseal(&mut self, flags: Flags, header: &[u8], payload: &mut BytesMut) -> Result<(), ProcessorError> {
        match (&mut self.seal, flags.has(Flags::SEALED)) {
            (Lock::Off, false) => {}
            (Lock::Waiting | Lock::On(_), false) => return Err(SealError::Required.into()),
            (Lock::Off | Lock::Waiting, true) => return Err(SealError::Invalid.into()),
            (Lock::On(opening), true) => {
                let length = opening.open(header, payload)?;
                payload.truncate(length);
            }
        }
        Ok(())
    }

    #[cfg(not(feature = "sealed"))]
    fn unseal(&self, flags: Flags, _: &[u8], _: &mut BytesMut) -> Result<(), ProcessorError> {
        match flags.has(Flags::SEALED) {
            true => Err(ProcessorError::new(Code::SealInvalid, "a payload does not open")),
            false => Ok(()),
        }
    }

    #[cfg(feature = "zstd")]
    fn decompress(&self, payload: &mut BytesMut) -> Result<(), ProcessorError> {
        if !self.decompresses {
            return Err(not_agreed());
        }
        let mut plain = BytesMut::new();
        crate::wire::decompress(payload, self.limit, &mut plain)?;
        *payload = plain;
        Ok(())
    }

    #[cfg(not(feature = "zstd"))]
    fn decompress(&self, _: &mut BytesMut) -> Result<(), ProcessorError> {
        Err(not_agreed())
    }
}

fn not_agreed() -> ProcessorError {
    ProcessorError::new(Code::HeaderInvalid, "compression was not agreed on")
}

impl fmt::Debug for InboundPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundPipeline").field("processors", &self.processors.len()).finish_non_exhaustive()
    }
}
