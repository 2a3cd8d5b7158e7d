//! Many streams on one connection (protocol V3): their state, shared by the handles that user code holds and the task
//! that reads and writes.
//!
//! - [`Io`] and [`Timer`]: what every connection's task is made of, V2 and V3 alike.
//! - [`Mux`]: the streams of a connection; [`Handle`]: our end of one of them; [`Intake`]: what it receives; `arrivals`:
//!   the other end's.
//! - [`Credit`], [`ConnectionWindow`] and [`Budget`]: what keeps either side from drowning the other.
//! - [`Processor`] and [`Pipeline`]: what payloads pass on their way out and in.

mod arrivals;
mod budget;
mod buffers;
mod credit;
mod entry;
mod farewell;
mod handle;
mod inbox;
mod intake;
mod io;
mod line;
#[allow(clippy::module_inception, reason = "the layer is named after its noun")]
mod mux;
mod pipeline;
mod processor;
mod state;
mod targets;
mod timer;
mod waiters;

pub(crate) use arrivals::Arrival;
pub(crate) use budget::Budget;
pub(crate) use buffers::Buffers;
use credit::Window;
pub(crate) use credit::{ConnectionWindow, Credit, Grant};
pub(crate) use entry::{Entry, Outcome};
pub(crate) use farewell::Farewell;
pub(crate) use handle::Handle;
pub(crate) use inbox::Taken;
pub(crate) use intake::Intake;
pub(crate) use io::Io;
pub(crate) use line::Ticket;
pub(crate) use mux::{ITEMS_SOFT, Key, Mux, Open, Side};
pub(crate) use state::{CROSSING, MOST_CROSSING, STREAMS};
pub(crate) use targets::TARGETS;
pub(crate) use timer::Timer;

// What users meet, by the module `processor`.
#[cfg(feature = "zstd")]
pub use pipeline::Compression;
pub use pipeline::{InboundPipeline, OutboundPipeline, Pipeline};
pub use processor::{FrameInfo, Inbound, Outbound, Payload, Processor, ProcessorError};
