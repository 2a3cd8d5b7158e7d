use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tracing::debug;

use super::calls::{Opened, takes_items};
use super::frames::Violation;
use super::queue::Queued;
use super::scratch::Scratch;
use super::{Connection, Target};
use crate::error::Code;
use crate::mux::{CROSSING, Credit, MOST_CROSSING};
use crate::rpc::answer::write_error;
use crate::wire::Encoding;
use crate::wire::v3::{Fields, Flags, Frame, Metadata};

impl Connection {
    /// The other side opens a stream.
    pub(super) fn open(
        &mut self,
        frame: &Frame,
        bytes: &[u8],
        payload: &[u8],
        scratch: &mut Scratch,
    ) -> Result<(), Violation> {
        let id = frame.stream;
        if id <= self.seen || self.is_own(id) {
            return Err(Violation::new(
                Code::ProtocolViolation,
                "a stream's number is not the other side's next",
            ));
        }
        if !self.window.receive(payload.len()) {
            return Err(Violation::new(Code::FlowControl, "a call was sent without credit"));
        }
        self.seen = id;
        let ended = frame.flags.has(Flags::END);
        self.crossing = (self.crossing + CROSSING).min(MOST_CROSSING);
        // What comes after our GOAWAY is not run, and the other side knows it.
        if self.leaving {
            self.consume(payload.len());
            return Ok(());
        }
        self.last = id;
        self.number += 1;
        let target = self.target(frame, bytes);
        let Some(encoding) = frame.encoding else {
            self.consume(payload.len());
            self.decline(
                None,
                id,
                Encoding::Json,
                &Code::RequestMalformed,
                Some("arguments are no raw bytes"),
            );
            return Ok(());
        };
        let function = match target {
            Some(Target::Function(function)) if self.admitted => function,
            Some(Target::Function(function)) => {
                self.consume(payload.len());
                self.decline(
                    Some(function),
                    id,
                    encoding,
                    &Code::Unauthorized,
                    Some("a HELLO with credentials comes first"),
                );
                return Ok(());
            }
            Some(Target::Unknown(name)) => {
                self.consume(payload.len());
                debug!(part = "API Parser", name = ?name, "No such function");
                let message = format!("there is no function `{}`", name.escape_debug());
                self.decline(None, id, encoding, &Code::FunctionUnknown, Some(&message));
                return Ok(());
            }
            None => {
                self.consume(payload.len());
                self.decline(
                    None,
                    id,
                    encoding,
                    &Code::FunctionUnknown,
                    Some("the target's number stands for nothing"),
                );
                return Ok(());
            }
        };
        let settings = &self.serving.settings;
        if self.running.len() + self.queue.len() >= settings.streams {
            self.consume(payload.len());
            self.decline(Some(function), id, encoding, &Code::TooManyStreams, None);
            return Ok(());
        }
        let Fields::Open { deadline, .. } = frame.fields else { return Ok(()) };
        let deadline = deadline.map(|left| self.pulse.now + Duration::from_millis(left.into()));
        let metadata = match frame.flags.has(Flags::HEAD) {
            false => Metadata::default(),
            true => match Metadata::read(&bytes[frame.head.clone()], settings.head_size) {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.consume(payload.len());
                    self.decline(
                        Some(function),
                        id,
                        encoding,
                        &error.code(),
                        Some("the metadata cannot be read"),
                    );
                    return Ok(());
                }
            },
        };
        if self.must_wait() {
            // Items may come before the turn.
            let entry = self.serving.functions.get(function);
            let items_come = !ended && entry.is_some_and(|entry| takes_items(entry.function.shape));
            let key = items_come.then(|| self.mux.accept(id, false));
            let until = Instant::now() + settings.call_queue_timeout;
            let payload = Bytes::copy_from_slice(payload);
            self.queue.push_back(Queued {
                id,
                function,
                encoding,
                payload,
                metadata,
                deadline,
                ended,
                key,
                credit: Credit::default(),
                until,
            });
            return Ok(());
        }
        self.context.metadata = metadata;
        let credit = Credit::default();
        let opened = Opened { id, function, encoding, payload, deadline, ended, key: None, credit };
        self.start(&opened, None, scratch);
        self.consume(payload.len());
        Ok(())
    }

    /// Answers a call with an error that does not begin.
    pub(super) fn decline(
        &mut self,
        function: Option<usize>,
        stream: u32,
        encoding: Encoding,
        code: &Code,
        message: Option<&str>,
    ) {
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.serving.metrics {
            let entry = function.and_then(|function| self.serving.functions.get(function));
            metrics.refused(entry.map(|entry| &*entry.name), code);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = function;
        self.refuse(stream, encoding, code, message);
    }

    /// Answers a stream with an error; without a message of its own it has the words for its code.
    pub(super) fn refuse(&mut self, stream: u32, encoding: Encoding, code: &Code, message: Option<&str>) {
        let framing = self.mux.outgoing();
        let message = message.or_else(|| code.words());
        write_error(framing, encoding, stream, &mut self.output, code, message, None, None);
    }
}
