use std::borrow::Cow;

use super::{Code, Error, Rejection};

/// A failure that reaches the client as an error packet with a code of its own.
///
/// On the wire it is `{"status": "failure", "error": CODE}` (protocol V2, rule 3), with `message` and `field` where
/// the failure has them. `#[derive(Failure)]` writes it for an enum or a struct; a handler returns it as the `Err` of
/// its `Result`.
///
/// ```
/// use std::borrow::Cow;
/// use asyncapy::{Code, Failure};
///
/// struct BadPin;
///
/// impl Failure for BadPin {
///     fn code(&self) -> Code {
///         Code::custom("ERR_BAD_PIN")
///     }
///     fn field(&self) -> Option<Cow<'_, str>> {
///         Some("pin".into())
///     }
/// }
/// assert_eq!(BadPin.code().as_str(), "ERR_BAD_PIN");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a failure",
    label = "it has no code for the client",
    note = "derive it: `#[derive(Failure)]` on the enum or struct",
    note = "`asyncapy::Error` and `Box<dyn Error + Send + Sync>` will do as well: the client reads ERR_HANDLER_FAILED"
)]
pub trait Failure {
    /// What went wrong.
    fn code(&self) -> Code;

    /// A sentence for the reader of the reply; nothing internal belongs in it.
    fn message(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// The field of the packet that is to blame.
    fn field(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// What the log says and the client does not hear.
    fn cause(&self) -> Option<String> {
        None
    }
}

impl Failure for Code {
    fn code(&self) -> Code {
        self.clone()
    }
}

impl Failure for Rejection {
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

/// The client reads `ERR_HANDLER_FAILED`; the log has the cause.
impl Failure for Error {
    fn code(&self) -> Code {
        Code::HandlerFailed
    }

    fn cause(&self) -> Option<String> {
        Some(chain(self))
    }
}

/// The client reads `ERR_HANDLER_FAILED`; the log has the cause.
impl Failure for Box<dyn std::error::Error + Send + Sync> {
    fn code(&self) -> Code {
        Code::HandlerFailed
    }

    fn cause(&self) -> Option<String> {
        Some(chain(self.as_ref()))
    }
}

/// An error and all that led to it, in a line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
