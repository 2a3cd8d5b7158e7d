use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use super::Status;
use super::middleware::Reply;
use crate::error::{Code, Failure};
use crate::mux::{Credit, ITEMS_SOFT};
use crate::wire::{self, EncodeError, Encoding, Framing, v3};

/// Where a call's answer is written: the connection's own buffer.
pub struct Answer<'a> {
    pub(super) out: &'a mut BytesMut,
    pub(super) framing: Framing,
    pub(super) encoding: Encoding,
    pub(super) stream: u32,
    /// What may be sent of a stream of items.
    pub(super) credit: &'a mut Credit,
    /// What may be sent on the connection, in bytes.
    pub(super) connection: &'a mut i64,
    /// Whether an item waits for credit or room.
    pub(super) stalled: bool,
    /// Whether the call was answered with a failure.
    pub(super) failed: bool,
    /// So many bytes at the front are whole and stay, also where the function panics: what was there before, and items.
    pub(super) whole: usize,
    /// Where the end is put instead, where middleware wants to see it.
    pub(super) ending: Option<&'a mut Option<Ending>>,
}

/// How a call has ended.
pub(super) type Ending = Result<Reply, Status>;

impl Answer<'_> {
    /// Writes the result, which ends the call.
    pub fn result<T: Serialize + 'static>(&mut self, value: &T) {
        if self.ending.is_some() {
            return self.keep_result(value);
        }
        let written = self.write(value, v3::Flags::END);
        self.check(written.map(|_| ()));
    }

    /// Ends a stream of items.
    pub fn end(&mut self) {
        if let Some(ending) = &mut self.ending {
            **ending = Some(Ok(Reply::Streamed { items: 0, bytes: 0 }));
            return;
        }
        self.framing.encode_end(self.out, self.stream);
    }

    /// Whether an item may be written now; if not, the call is polled again when one may.
    pub fn may_send(&mut self) -> bool {
        let room = *self.connection > 0 && self.out.len() <= ITEMS_SOFT;
        let allowed = self.credit.allows();
        // A credit wakes its own stream; room is for all that wait for it.
        self.stalled = allowed && !room;
        allowed && room
    }

    /// Writes an item of a stream; false if it cannot be written, which ends the call.
    pub fn item<T: Serialize + 'static>(&mut self, value: &T) -> bool {
        match self.write(value, v3::Flags::NONE) {
            Ok(payload) => {
                self.credit.spend(payload);
                *self.connection -= payload as i64;
                self.whole = self.out.len();
                true
            }
            Err(error) => {
                self.check(Err(error));
                false
            }
        }
    }

    fn write<T: Serialize + 'static>(&mut self, value: &T, flags: v3::Flags) -> Result<usize, EncodeError> {
        write_item(value, self.framing, self.encoding, self.stream, flags, self.out)
    }

    /// A value that cannot be written is logged, and the caller reads `ERR_HANDLER_FAILED`.
    fn check(&mut self, written: Result<(), EncodeError>) {
        if let Err(error) = written {
            tracing::error!(part = "Response handler", %error, "A result could not be written");
            self.failure(&Code::HandlerFailed);
        }
    }

    /// Writes a failure that has no details, which ends the call.
    pub fn failure(&mut self, failure: &(impl Failure + ?Sized)) {
        if let Some(cause) = failure.cause() {
            tracing::error!(part = "Response handler", cause = ?cause, "A function failed");
        }
        let (message, field) = (failure.message(), failure.field());
        self.error(&failure.code(), message.as_deref(), field.as_deref(), None);
    }

    /// Writes a failure, which ends the call.
    pub fn fail(&mut self, failed: Failed) {
        if let Some(cause) = &failed.cause {
            tracing::error!(part = "Response handler", cause = ?cause, "A function failed");
        }
        let mut details = BytesMut::new();
        let written = failed.details.map(|write| write(self.encoding, &mut details));
        let details = match written {
            Some(Ok(())) if details.is_empty() => None,
            Some(Ok(())) => Some(&details[..]),
            Some(Err(error)) => {
                tracing::error!(part = "Response handler", %error, "An error's details could not be written");
                None
            }
            None => None,
        };
        self.error(&failed.code, failed.message.as_deref(), failed.field.as_deref(), details);
    }

    /// Keeps the result for the middleware around the function.
    #[inline(never)]
    fn keep_result<T: Serialize + 'static>(&mut self, value: &T) {
        let reply = if let Some(bytes) = (value as &dyn Any).downcast_ref::<Bytes>() {
            Reply::written(bytes.clone(), None)
        } else {
            let mut payload = BytesMut::new();
            if let Err(error) = wire::encode(value, self.encoding, &mut payload) {
                return self.check(Err(error));
            }
            Reply::written(payload.freeze(), Some(self.encoding))
        };
        if let Some(ending) = &mut self.ending {
            **ending = Some(Ok(reply));
        }
    }

    /// Keeps a failure for the middleware around the function: what its ERROR would say.
    #[inline(never)]
    fn keep_error(
        &mut self,
        code: &Code,
        message: Option<&str>,
        field: Option<&str>,
        details: Option<&[u8]>,
    ) {
        let mut frame = BytesMut::new();
        write_error(self.framing, self.encoding, self.stream, &mut frame, code, message, field, details);
        let status = match self.framing.decode_v3(&frame) {
            Ok(Ok(read)) => Status::told(self.encoding, frame.freeze().slice(read.payload)),
            // It does not fit the header, and the log says so.
            _ => Status::new(code.clone()),
        };
        if let Some(ending) = &mut self.ending {
            **ending = Some(Err(status));
        }
    }

    /// Writes what has come of a call that has passed through middleware; `streams` says that it gives items.
    pub(super) fn outcome(&mut self, outcome: Ending, streams: bool) {
        match outcome {
            Ok(Reply::Streamed { .. }) if streams => self.end(),
            Ok(Reply::Value { encoding, payload }) if !streams => {
                let header = v3::ItemHeader {
                    stream: self.stream,
                    flags: v3::Flags::END,
                    // Raw bytes go as they are, values as the caller writes them.
                    encoding: encoding.and(Some(self.encoding)),
                    ..v3::ItemHeader::default()
                };
                let written = self.framing.encode_item(self.out, &header, |out| match encoding {
                    Some(encoding) => wire::transcode(&payload, encoding, self.encoding, out),
                    None => {
                        out.extend_from_slice(&payload);
                        Ok(())
                    }
                });
                self.check(written);
            }
            Ok(_) => {
                let expected = if streams { "a stream" } else { "a value" };
                tracing::error!(
                    part = "Response handler",
                    "Middleware has answered otherwise than with {expected}"
                );
                self.failure(&Code::HandlerFailed);
            }
            Err(status) => {
                let details = status.details_in(self.encoding);
                let (message, field) = (status.message.as_deref(), status.field.as_deref());
                self.error(&status.code, message, field, details.as_deref());
            }
        }
    }

    fn error(&mut self, code: &Code, message: Option<&str>, field: Option<&str>, details: Option<&[u8]>) {
        if self.ending.is_some() {
            return self.keep_error(code, message, field, details);
        }
        self.failed = true;
        write_error(self.framing, self.encoding, self.stream, self.out, code, message, field, details);
    }
}

/// Appends an ERROR; one that is too long for the other side goes without its details and message.
#[allow(clippy::too_many_arguments, reason = "they are the parts of one frame")]
pub(super) fn write_error(
    framing: Framing,
    encoding: Encoding,
    stream: u32,
    out: &mut BytesMut,
    code: &Code,
    message: Option<&str>,
    field: Option<&str>,
    details: Option<&[u8]>,
) {
    let flags = v3::Flags::NONE;
    let least = v3::ErrorHeader { stream, encoding, flags, code, message: None, field: None, metadata: None };
    let all = v3::ErrorHeader { message, field, ..least };
    let details = details.map(|details| {
        |out: &mut BytesMut| {
            out.extend_from_slice(details);
            Ok::<_, EncodeError>(())
        }
    });
    let none = None::<fn(&mut BytesMut) -> Result<(), EncodeError>>;
    let written =
        framing.encode_error(out, &all, details).or_else(|_| framing.encode_error(out, &least, none));
    if let Err(error) = written {
        tracing::error!(part = "Response handler", %error, "An error does not fit the header");
    }
}

/// Appends an ITEM and tells how long its payload is; bytes go as they are.
pub(super) fn write_item<T: Serialize + 'static>(
    value: &T,
    framing: Framing,
    encoding: Encoding,
    stream: u32,
    flags: v3::Flags,
    out: &mut BytesMut,
) -> Result<usize, EncodeError> {
    if let Some(bytes) = (value as &dyn Any).downcast_ref::<Bytes>() {
        let header = v3::ItemHeader { stream, flags, ..v3::ItemHeader::default() };
        framing.encode_item(out, &header, |out| {
            out.extend_from_slice(bytes);
            Ok::<_, EncodeError>(())
        })?;
        return Ok(bytes.len());
    }
    let header = v3::ItemHeader { stream, flags, encoding: Some(encoding), ..v3::ItemHeader::default() };
    let mut payload = 0;
    framing.encode_item(out, &header, |out| {
        let start = out.len();
        wire::encode(value, encoding, out)?;
        payload = out.len() - start;
        Ok::<_, EncodeError>(())
    })?;
    Ok(payload)
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// Writes an error's details in an encoding, if there are any.
type WriteDetails = Box<dyn FnOnce(Encoding, &mut BytesMut) -> Result<(), EncodeError> + Send>;

/// Why a function has no result, with its own error as details.
pub struct Failed {
    code: Code,
    message: Option<String>,
    field: Option<String>,
    cause: Option<String>,
    details: Option<WriteDetails>,
}

impl Failed {
    /// What a failure says.
    pub fn of(failure: &(impl Failure + ?Sized)) -> Self {
        Self {
            code: failure.code(),
            message: failure.message().map(Cow::into_owned),
            field: failure.field().map(Cow::into_owned),
            cause: failure.cause(),
            details: None,
        }
    }

    /// An error that has no code of its own.
    pub fn plain(message: Option<String>) -> Self {
        Self { code: Code::HandlerFailed, message, field: None, cause: None, details: None }
    }

    /// What another call has said, with its details, if it has any.
    pub(super) fn passed_on(status: Status) -> Self {
        let failed = Self::of(&status);
        let details: WriteDetails = Box::new(move |encoding, out| {
            out.extend_from_slice(&status.details_in(encoding).unwrap_or_default());
            Ok(())
        });
        Self { details: Some(details), ..failed }
    }

    /// The same with the error itself as details.
    #[must_use]
    pub fn with_details<E: Serialize + Send + 'static>(mut self, error: E) -> Self {
        self.details = Some(Box::new(move |encoding, out| wire::encode(&error, encoding, out)));
        self
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failed").field(&self.code).finish()
    }
}
