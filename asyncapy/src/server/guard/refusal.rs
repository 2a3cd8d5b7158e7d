use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::error::{Code, Failure, Rejection};

/// Why a connection does not come in: a code and a sentence, which the client reads before it is closed, and perhaps a
/// ban of its address.
///
/// It is made of any [`Failure`], so that `?` works on the errors of an application; what such a failure says to the log
/// alone is logged.
///
/// ```
/// use std::time::Duration;
/// use asyncapy::Code;
/// use asyncapy::server::guard::Refusal;
///
/// let refusal = Refusal::new(Code::custom("ERR_NOT_INVITED"))
///     .message("ask the host")
///     .ban_for(Duration::from_secs(60));
/// assert_eq!(refusal.to_string(), "ERR_NOT_INVITED: ask the host");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    rejection: Rejection,
    ban: Option<Duration>,
    cause: Option<String>,
}

impl Refusal {
    /// A refusal with a code alone.
    pub fn new(code: Code) -> Self {
        Self { rejection: Rejection::new(code), ban: None, cause: None }
    }

    /// Adds a sentence for the reader of the reply.
    #[must_use]
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.rejection = self.rejection.message(message);
        self
    }

    /// Bans the client's address for a time: its further connections are closed as they come, and no guard is asked. A
    /// client on a UNIX socket has no address and is refused alone.
    #[must_use]
    pub fn ban_for(mut self, time: Duration) -> Self {
        self.ban = Some(time);
        self
    }

    /// The code.
    pub fn code(&self) -> &Code {
        self.rejection.code()
    }

    /// How long the address is banned, if it is.
    pub fn ban(&self) -> Option<Duration> {
        self.ban
    }

    /// What the client reads.
    pub(in crate::server) fn rejection(&self) -> &Rejection {
        &self.rejection
    }

    /// What the log says and the client does not hear.
    pub(in crate::server) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl<F: Failure> From<F> for Refusal {
    fn from(failure: F) -> Self {
        let mut rejection = Rejection::new(failure.code());
        if let Some(message) = failure.message() {
            rejection = rejection.message(message.into_owned());
        }
        Self { rejection, ban: None, cause: failure.cause() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rejection.fmt(f)
    }
}
