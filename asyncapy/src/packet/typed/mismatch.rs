use std::borrow::Cow;

use crate::error::{Code, Rejection};
use crate::wire::{Kind, Value};

/// A value that is not what its field wants: what was expected and the kind that was found, never the value.
#[derive(Debug)]
pub struct Mismatch(Cow<'static, str>);

impl Mismatch {
    /// `expected` names the type; `kind` is what it is written as.
    #[cold]
    pub(super) fn new(expected: &str, kind: Kind, found: Value<'_>) -> Self {
        let out_of_range = if found.kind() == kind { " out of range" } else { "" };
        Self(format!("expected {expected}, found {}{out_of_range}", describe(found.kind())).into())
    }

    /// What serde says about a value, as far as it can be told: serde's own words repeat the value, so that only what
    /// it expected is kept.
    #[cold]
    pub(super) fn serde(text: &str, found: Value<'_>) -> Self {
        match Complaint::parse(text) {
            Complaint::Expected(expected) => {
                Self(format!("expected {expected}, found {}", describe(found.kind())).into())
            }
            Complaint::Missing(field) => Self(format!("the field `{field}` is missing in it").into()),
            Complaint::Duplicate(field) => Self(format!("the field `{field}` stands twice in it").into()),
            Complaint::Unknown(_) => Self("it holds a field that is not known".into()),
            Complaint::Other => {
                Self(format!("{} of this form is not expected", describe(found.kind())).into())
            }
        }
    }

    /// Tells which element of a list it was, counted from 0.
    #[cold]
    pub(super) fn element(self, position: usize) -> Self {
        Self(format!("element {position}: {}", self.0).into())
    }

    /// The rejection that blames `field`.
    #[cold]
    pub fn of(self, field: &'static str) -> Rejection {
        Rejection::new(Code::FieldInvalid).field(field).message(self.0)
    }
}

/// What serde complained about. The names are those of the program's own types, not the client's, but for
/// `Unknown`.
pub(super) enum Complaint<'a> {
    Expected(&'a str),
    Missing(&'a str),
    Duplicate(&'a str),
    Unknown(&'a str),
    Other,
}

impl<'a> Complaint<'a> {
    /// Takes a message of serde's apart.
    pub(super) fn parse(text: &'a str) -> Self {
        // serde_json adds where it was; the last such words are its own.
        let text = text.rfind(" at line ").map_or(text, |end| &text[..end]);
        let named = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix('`');
        if let Some(field) = named("missing field `") {
            return Complaint::Missing(field);
        }
        if let Some(field) = named("duplicate field `") {
            return Complaint::Duplicate(field);
        }
        // What was received stands before the last ", expected", what was expected behind it.
        let expected = text.rfind(", expected ").map(|at| (&text[..at], &text[at + ", expected ".len()..]));
        let unknown = text.strip_prefix("unknown field `");
        if let Some(rest) = unknown {
            let end = rest.rfind("`, ").unwrap_or(rest.len());
            return Complaint::Unknown(&rest[..end]);
        }
        let known = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `"];
        match expected {
            Some((_, expected)) if known.iter().any(|prefix| text.starts_with(prefix)) => {
                Complaint::Expected(expected)
            }
            _ => Complaint::Other,
        }
    }
}

/// A kind, in words.
pub(super) fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "a boolean",
        Kind::Integer => "a whole number",
        Kind::Float => "a number with a fraction",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::List => "a list",
        Kind::Map => "a map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_is_not_repeated() {
        let text = "invalid type: string \"x, expected pity\", expected a map at line 1 column 9";
        assert!(matches!(Complaint::parse(text), Complaint::Expected("a map")));
        let text = "unknown variant `SECRET`, expected one of `a`, `b`";
        assert!(matches!(Complaint::parse(text), Complaint::Expected("one of `a`, `b`")));
        assert!(matches!(Complaint::parse("bad pin 1234, expected less"), Complaint::Other));
        assert!(matches!(
            Complaint::parse("missing field `pin` at line 1 column 2"),
            Complaint::Missing("pin")
        ));
        assert!(matches!(Complaint::parse("unknown field `x`, expected `a`"), Complaint::Unknown("x")));
    }
}
