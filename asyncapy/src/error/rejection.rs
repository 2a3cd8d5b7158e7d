use std::borrow::Cow;
use std::fmt;

use super::Code;

/// Why an extractor refused a packet: a code, the field that is to blame, a sentence.
///
/// ```
/// use asyncapy::{Code, Rejection};
/// let rejection = Rejection::new(Code::FieldMissing).field("pin");
/// assert_eq!(rejection.to_string(), "ERR_FIELD_MISSING (field `pin`)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub(super) code: Code,
    pub(super) field: Option<Cow<'static, str>>,
    pub(super) message: Option<Cow<'static, str>>,
}

impl Rejection {
    /// A rejection with a code alone.
    pub fn new(code: Code) -> Self {
        Self { code, field: None, message: None }
    }

    /// Names the field that is to blame.
    #[must_use]
    pub fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Adds a sentence for the reader of the reply.
    #[must_use]
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The code.
    pub fn code(&self) -> &Code {
        &self.code
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())?;
        if let Some(field) = &self.field {
            write!(f, " (field `{field}`)")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejection {}
