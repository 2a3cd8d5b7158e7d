//! Bytes in and out: what is done to payloads between the application and the wire.
//!
//! A [`Processor`] of one's own, compression and sealing, in a [`Pipeline`]; the [chapter](crate::guide::processors)
//! shows them.

#[cfg(feature = "zstd")]
pub use crate::mux::Compression;
pub use crate::mux::{
    FrameInfo, Inbound, InboundPipeline, Outbound, OutboundPipeline, Payload, Pipeline, Processor,
    ProcessorError,
};
