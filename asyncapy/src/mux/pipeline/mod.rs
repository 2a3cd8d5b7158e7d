//! What payloads pass on their way out and in: own processors, compression, sealing.

mod inbound;
#[cfg(feature = "sealed")]
mod lock;
mod outbound;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::Processor;
use crate::wire::v3::{Flags, FrameKind};

pub use inbound::InboundPipeline;
pub use outbound::OutboundPipeline;

/// The flags that say what was done to a payload.
const PROCESSED: Flags = Flags(Flags::COMPRESSED.0 | Flags::SEALED.0);

/// What every connection of a server or a client does to its payloads; cheap to clone.
///
/// On the way out: the own processors in their order, then compression, then sealing, since what is sealed does not
/// shrink. On the way in the other way round. Without any of them a connection pays a comparison for each frame.
#[derive(Clone, Default)]
pub struct Pipeline {
    processors: Vec<Arc<dyn Processor>>,
    #[cfg(feature = "zstd")]
    compression: Option<Compression>,
    #[cfg(feature = "sealed")]
    sealed: bool,
}

/// How payloads are compressed.
#[cfg(feature = "zstd")]
#[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// zstd's level: 1 (fast) to 19 (small).
    pub level: i32,
    /// What is shorter goes as it is, in bytes.
    pub threshold: usize,
}

/// Level 3, which is zstd's own, from 512 bytes on: below that a payload seldom shrinks by as much as it costs.
#[cfg(feature = "zstd")]
impl Default for Compression {
    fn default() -> Self {
        Self { level: 3, threshold: 512 }
    }
}

#[cfg(feature = "zstd")]
impl Compression {
    /// At this level, or what is wrong with it.
    pub(crate) fn at(level: i32) -> Result<Self, String> {
        match level {
            1..=19 => Ok(Self { level, ..Self::default() }),
            _ => Err(format!("a level of compression is from 1 to 19, not {level}")),
        }
    }
}

impl Pipeline {
    /// One that does nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a processor of one's own: the last one to see what is sent, and the first to see what is received.
    #[must_use]
    pub fn processor(mut self, processor: impl Processor) -> Self {
        self.processors.push(Arc::new(processor));
        self
    }

    /// Compresses payloads for peers that can read them, and reads theirs.
    #[cfg(feature = "zstd")]
    #[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
    #[must_use]
    pub fn compressed(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Seals every payload, and takes none that is not sealed.
    #[cfg(feature = "sealed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sealed")))]
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.sealed = true;
        self
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.processors.is_empty() && !self.is_compressed() && !self.is_sealed()
    }

    /// Whether compressed payloads are taken: the feature `zstd` of HELLO.
    pub fn is_compressed(&self) -> bool {
        #[cfg(feature = "zstd")]
        return self.compression.is_some();
        #[cfg(not(feature = "zstd"))]
        false
    }

    /// Whether payloads must be sealed: the feature `sealed` of HELLO.
    pub fn is_sealed(&self) -> bool {
        #[cfg(feature = "sealed")]
        return self.sealed;
        #[cfg(not(feature = "sealed"))]
        false
    }

    /// The two ways of a new connection, whose received payloads may be of `limit` bytes when all is done. Nothing is
    /// compressed before the peer has said that it reads it, and where all is sealed, nothing is sent or taken before there
    /// are keys.
    pub fn connect(&self, limit: usize) -> (OutboundPipeline, InboundPipeline) {
        let (outbound, mut inbound): (Vec<_>, Vec<_>) =
            self.processors.iter().map(|processor| processor.connect()).unzip();
        inbound.reverse();
        (OutboundPipeline::new(self, outbound), InboundPipeline::new(self, inbound, limit))
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("processors", &self.processors.len())
            .field("compressed", &self.is_compressed())
            .field("sealed", &self.is_sealed())
            .finish()
    }
}

/// Whether a frame of the kind has a payload of the application.
fn is_processed(kind: FrameKind) -> bool {
    kind.allowed().has(PROCESSED)
}
