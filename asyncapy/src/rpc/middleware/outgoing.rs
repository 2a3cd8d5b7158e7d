use std::fmt;

use super::{Meters, Reply};
use crate::handler::Client;
use crate::handler::middleware::{Passing, Sealed};
use crate::rpc::{CallOptions, Metadata, Status};

/// A call that we make, before a connection is chosen for it. Where a client repeats it, it does so further in: it passes
/// the middleware once.
pub struct OutgoingCall {
    target: Box<str>,
    streams: bool,
    idempotent: bool,
    options: CallOptions,
    /// Apart from the options, which middleware may replace.
    meters: Option<Box<Meters>>,
    #[cfg(feature = "tower")]
    next: Option<super::Next<Self>>,
}

impl OutgoingCall {
    pub(crate) fn new(target: &str, streams: bool, idempotent: bool, options: CallOptions) -> Self {
        Self {
            target: target.into(),
            streams,
            idempotent,
            options,
            meters: None,
            #[cfg(feature = "tower")]
            next: None,
        }
    }

    /// The function's full name.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether it opens a stream or a channel: the reply then says that it is open.
    pub fn streams(&self) -> bool {
        self.streams
    }

    /// Whether it may be run twice without harm.
    pub fn is_idempotent(&self) -> bool {
        self.options.idempotent.unwrap_or(self.idempotent)
    }

    /// What was said of it: timeout, deadline, metadata, server.
    pub fn options(&self) -> &CallOptions {
        &self.options
    }

    /// The same, to be changed for what comes next.
    pub fn options_mut(&mut self) -> &mut CallOptions {
        &mut self.options
    }

    /// What goes along with it.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.options.metadata.as_deref()
    }

    /// The same, to be changed for what comes next.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        self.options.metadata.get_or_insert_default()
    }

    /// Has its bytes counted.
    #[cfg(feature = "metrics")]
    pub(crate) fn count_by(&mut self, meter: std::sync::Arc<dyn super::Meter>) {
        self.meters.get_or_insert_default().add(meter);
    }

    pub(crate) fn into_parts(self) -> (CallOptions, Option<Box<Meters>>) {
        (self.options, self.meters)
    }
}

impl Sealed for OutgoingCall {}

impl Passing for OutgoingCall {
    type Reply = Reply;
    type Failure = Status;

    fn name(&self) -> &str {
        &self.target
    }

    fn client(&self) -> Option<&Client> {
        None
    }

    #[cfg(feature = "tower")]
    fn next(&mut self) -> &mut Option<super::Next<Self>> {
        &mut self.next
    }
}

impl fmt::Debug for OutgoingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingCall").field("target", &self.target).finish_non_exhaustive()
    }
}
