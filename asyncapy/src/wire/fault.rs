use super::PayloadError;

/// Why a scanner stops: a byte, so that it travels in a register. [`Fault::at`] makes of it what users read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooDeep,
    TooManyNodes,
    NoMap,
    NoArguments,
    MapGoesOn,
    ListGoesOn,
    Utf8,
    Trailing,
    AfterValue,
    Control,
    Early,
    NoKey,
    NoColon,
    NoValue,
    NoDigit,
    ControlInText,
    Unclosed,
    NoCharacter,
    Escape,
    C1,
    Ext,
    BadKey,
    Length,
}

impl Fault {
    /// The error for a payload that is wrong at `offset`.
    #[cold]
    pub(super) fn at(self, offset: usize) -> PayloadError {
        match self {
            Fault::TooDeep => PayloadError::TooDeep,
            Fault::TooManyNodes => PayloadError::TooManyNodes,
            other => PayloadError::Malformed { offset, reason: other.reason() },
        }
    }

    /// What was expected or found.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Fault::TooDeep => "it nests deeper than allowed",
            Fault::TooManyNodes => "it holds more values than allowed",
            Fault::NoMap => "a map was expected",
            Fault::NoArguments => "a map or a list was expected",
            Fault::MapGoesOn => "`,` or `}` was expected",
            Fault::ListGoesOn => "`,` or `]` was expected",
            Fault::Utf8 => "a string is not UTF-8",
            Fault::Trailing => "nothing was expected after the map",
            Fault::AfterValue => "nothing was expected after the value",
            Fault::Control => "a control character",
            Fault::Early => "the payload ends early",
            Fault::NoKey => "a key was expected",
            Fault::NoColon => "`:` was expected",
            Fault::NoValue => "a value was expected",
            Fault::NoDigit => "a digit was expected",
            Fault::ControlInText => "a control character in a string",
            Fault::Unclosed => "a string does not end",
            Fault::NoCharacter => "an escape that is no character",
            Fault::Escape => "an unknown escape",
            Fault::C1 => "the byte c1 begins no value",
            Fault::Ext => "ext types are not part of ZiProto",
            Fault::BadKey => "a key must be a string, an integer, a boolean or nil",
            Fault::Length => "a length that the payload cannot hold",
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}
