use std::any::type_name;
use std::borrow::Cow;
use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Failure, Rejection};
use crate::mux::Outcome;
use crate::wire::{self, Encoding, Index, PayloadLimits, View};

/// Why a call has no result: a code, and what else is known.
///
/// It is the same whether the other side has said so (its ERROR, protocol V3) or our own side knows it: a connection
/// that is lost is `ERR_UNAVAILABLE`, a deadline that passed `ERR_DEADLINE_EXCEEDED`.
///
/// ```
/// use asyncapy::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().build()?.start_in_memory().await?;
/// let peer = server.handle().peer()?;
/// let status = peer.call::<u32>("no.such", ()).await.unwrap_err();
/// assert_eq!(status.code, asyncapy::Code::FunctionUnknown);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Status {
    /// What went wrong.
    pub code: Code,
    /// A sentence for the caller.
    pub message: Option<String>,
    /// The argument that is to blame.
    pub field: Option<String>,
    /// Boxed, since few have them and results hold room for a status.
    details: Option<Box<Details>>,
    /// Whether the function was surely not begun.
    not_run: bool,
}

/// What a function's own error says of itself, as it came.
#[derive(Clone)]
struct Details {
    encoding: Encoding,
    payload: Bytes,
}

/// The payload of an ERROR, less its details.
#[derive(Deserialize)]
struct Told {
    error: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    field: Option<String>,
}

/// The details in the payload of an ERROR.
///
/// Details that are not there are none, also for types that could be read from nothing.
#[derive(Deserialize, Serialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Detailed<T> {
    #[serde(deserialize_with = "Deserialize::deserialize")]
    details: T,
}

const ONE_VALUE: &str = "a stream was asked for, and the function gives one value";
const A_STREAM: &str = "one value was asked for, and the function gives a stream";

impl Status {
    /// A status that says no more than a code.
    pub fn new(code: Code) -> Self {
        Self { code, message: None, field: None, details: None, not_run: false }
    }

    /// A status that says what its code means, and no more.
    pub(crate) fn plain(code: Code) -> Self {
        let message = code.words().map(str::to_owned);
        Self { message, ..Self::new(code) }
    }

    /// The same with a sentence for the caller.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The same with the argument that is to blame.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The function's own error, if it has told one and that is a `T`.
    ///
    /// # Errors
    /// This status, if it holds no details or other ones.
    pub fn details<T: DeserializeOwned>(&self) -> Result<T, &Self> {
        let details = self.details.as_ref().ok_or(self)?;
        wire::decode_value::<Detailed<T>>(&details.payload, details.encoding)
            .map(|detailed| detailed.details)
            .map_err(|_| self)
    }

    /// The function's own error as it is written, or would be in `encoding`.
    pub(super) fn details_in(&self, encoding: Encoding) -> Option<BytesMut> {
        let Details { encoding: from, payload } = self.details.as_deref()?;
        let mut index = Index::default();
        index.build(payload, *from, &PayloadLimits { depth: u16::MAX, nodes: u32::MAX }).ok()?;
        let details = View::new(payload, *from, &index).get("details")?;
        let mut out = BytesMut::new();
        wire::transcode(details.bytes(), *from, encoding, &mut out).ok()?;
        Some(out)
    }

    /// Whether the function was surely not begun, so that the call can be made again elsewhere whatever it does.
    pub fn was_not_run(&self) -> bool {
        self.not_run || matches!(self.code, Code::Overloaded | Code::TooManyStreams | Code::ShuttingDown)
    }

    /// Whether the same call may well succeed at another server or a little later: it has none of its own fault.
    pub fn is_transient(&self) -> bool {
        self.was_not_run() || matches!(self.code, Code::Unavailable)
    }

    pub(crate) fn not_run(mut self) -> Self {
        self.not_run = true;
        self
    }

    /// What a stream's end that is not the one that was asked for says.
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed { encoding, payload } => Self::told(encoding, payload),
            Outcome::Local(code, why) => Self::new(code).message(why),
            Outcome::NotRun(code, why) => Self::new(code).message(why).not_run(),
            Outcome::Refused { encoding, payload } => {
                Self { details: None, not_run: true, ..Self::told(encoding, payload) }
            }
            Outcome::Result(_) => Self::new(Code::RequestMalformed).message(ONE_VALUE),
            Outcome::Empty => Self::new(Code::RequestMalformed).message(A_STREAM),
        }
    }

    /// What the other side's ERROR says.
    pub(crate) fn told(encoding: Encoding, payload: Bytes) -> Self {
        match wire::decode_value::<Told>(&payload, encoding) {
            Ok(told) => Self {
                code: Code::from(&*told.error),
                message: told.message,
                field: told.field,
                details: Some(Box::new(Details { encoding, payload: payload.clone() })),
                not_run: false,
            },
            Err(_) => Self::new(Code::RequestMalformed).message("the other side's error cannot be read"),
        }
    }

    /// A reply that is no `T`.
    pub(crate) fn mismatch<T>(error: &impl fmt::Display) -> Self {
        Self::new(Code::RequestMalformed).message(format!("what came is no {}: {error}", type_name::<T>()))
    }
}

/// As a function's error it passes on what another call has said.
impl Failure for Status {
    fn code(&self) -> Code {
        self.code.clone()
    }

    fn message(&self) -> Option<Cow<'_, str>> {
        self.message.as_deref().map(Cow::Borrowed)
    }

    fn field(&self) -> Option<Cow<'_, str>> {
        self.field.as_deref().map(Cow::Borrowed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        if let Some(field) = &self.field {
            write!(f, " (argument {field:?})")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Status {
    fn eq(&self, other: &Self) -> bool {
        (&self.code, &self.message, &self.field) == (&other.code, &other.message, &other.field)
    }
}

impl std::error::Error for Status {}

impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let message = Failure::message(&rejection).map(Cow::into_owned);
        let field = Failure::field(&rejection).map(Cow::into_owned);
        Self { message, field, ..Self::new(rejection.code().clone()) }
    }
}

impl From<Code> for Status {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Error::Refused { code: status.code, message: status.message, field: status.field }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { code, message, field } => Self { message, field, ..Self::new(code) },
            Error::TimedOut => Self::new(Code::DeadlineExceeded),
            Error::Overloaded => Self::new(Code::Overloaded),
            Error::Payload(what) => Self::new(Code::FieldInvalid).message(what).not_run(),
            Error::TooLarge { .. } => Self::new(Code::PacketTooLarge).message(error.to_string()).not_run(),
            other => Self::new(Code::Unavailable).message(other.to_string()),
        }
    }
}

/// Why a typed call of a function that returns `Result<T, E>` has no `T`.
#[derive(Clone, Debug, PartialEq)]
pub enum CallError<E> {
    /// The function has returned this error.
    Function(E),
    /// Anything else: the function was not reached, or said nothing of the type.
    Status(Status),
}

impl<E> CallError<E> {
    /// The function's own error.
    pub fn function(self) -> Option<E> {
        match self {
            CallError::Function(error) => Some(error),
            CallError::Status(_) => None,
        }
    }
}

impl<E: DeserializeOwned> From<Status> for CallError<E> {
    fn from(status: Status) -> Self {
        match status.details() {
            Ok(error) => CallError::Function(error),
            Err(_) => CallError::Status(status),
        }
    }
}

/// What a function passes on of another's failure, by `?`: the code, the message and the field of the error, and the error
/// itself as details.
impl<E: Failure + Serialize> From<CallError<E>> for Status {
    fn from(error: CallError<E>) -> Self {
        let error = match error {
            CallError::Function(error) => error,
            CallError::Status(status) => return status,
        };
        let (message, field) = (error.message(), error.field());
        let (message, field) = (message.map(Cow::into_owned), field.map(Cow::into_owned));
        let (encoding, mut payload) = (Encoding::ZiProto, BytesMut::new());
        let written = wire::encode(&Detailed { details: &error }, encoding, &mut payload);
        let details = written.is_ok().then(|| Box::new(Details { encoding, payload: payload.freeze() }));
        Self { message, field, details, ..Self::new(error.code()) }
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Function(error) => error.fmt(f),
            CallError::Status(status) => status.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for CallError<E> {}

/// For whoever only reports it: an error of the function's own is `ERR_HANDLER_FAILED` here, with its `Debug` text.
/// [`Status`] keeps its code.
impl<E: fmt::Debug> From<CallError<E>> for Error {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::Function(error) => {
                Error::Refused { code: Code::HandlerFailed, message: Some(format!("{error:?}")), field: None }
            }
            CallError::Status(status) => status.into(),
        }
    }
}
