use std::borrow::Cow;
use std::fmt;

/// Declares the codes once: variant, wire text, meaning.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal;)*) => {
        /// What went wrong, as the client reads it.
        ///
        /// The first four are the codes of AsyncAPY and never change (protocol V2, rule 3); the rest are ours.
        ///
        /// ```
        /// use asyncapy::Code;
        /// assert_eq!(Code::TimedOut.as_str(), "ERR_TIMED_OUT");
        /// assert_eq!(Code::from("ERR_TIMED_OUT"), Code::TimedOut);
        /// assert_eq!(Code::custom("ERR_BAD_PIN").as_str(), "ERR_BAD_PIN");
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
            /// A code of the application's own; `ERR_` in front is the convention.
            Custom(Cow<'static, str>),
        }

        impl Code {
            /// The code as it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Code::$variant => $wire,)*
                    Code::Custom(text) => text,
                }
            }
        }

        #[cfg(test)]
        const CODES: &[&str] = &[$($wire,)*];

        impl From<&str> for Code {
            fn from(text: &str) -> Self {
                match text {
                    $($wire => Code::$variant,)*
                    other => Code::Custom(Cow::Owned(other.to_owned())),
                }
            }
        }
    };
}

codes! {
    /// The payload does not decode in its declared encoding, is not a map, or is too short (rule 2).
    RequestMalformed = "ERR_REQUEST_MALFORMED";
    /// The version or the encoding byte is unknown (rule 2).
    HeaderInvalid = "ERR_HEADER_INVALID";
    /// No whole packet arrived in time (rule 4).
    TimedOut = "ERR_TIMED_OUT";
    /// One session too many from this address (rule 6).
    SessionLimitReached = "ERR_SESSION_LIMIT_REACHED";
    /// Content-Length exceeds `max_packet_size` (rule 2).
    PacketTooLarge = "ERR_PACKET_TOO_LARGE";
    /// The payload nests too deeply or holds too many nodes.
    PayloadTooComplex = "ERR_PAYLOAD_TOO_COMPLEX";
    /// No handler matches the packet; the session stays (rule 7).
    NoHandler = "ERR_NO_HANDLER";
    /// A handler failed or panicked; nothing internal is told (rule 7).
    HandlerFailed = "ERR_HANDLER_FAILED";
    /// A handler took longer than `handler_timeout` (rule 7).
    HandlerTimedOut = "ERR_HANDLER_TIMED_OUT";
    /// A field that the handler needs is not in the packet.
    FieldMissing = "ERR_FIELD_MISSING";
    /// A field is of the wrong type or out of range.
    FieldInvalid = "ERR_FIELD_INVALID";
    /// A field is not known to a packet that allows no others.
    FieldUnknown = "ERR_FIELD_UNKNOWN";
    /// A field on which a decision rests stands twice in the packet.
    FieldDuplicate = "ERR_FIELD_DUPLICATE";
    /// The server holds as many connections as it may, from this address or in all.
    TooManyConnections = "ERR_TOO_MANY_CONNECTIONS";
    /// The server has too much to do; try again later.
    Overloaded = "ERR_OVERLOADED";
    /// The client has not read its replies for too long. It stands in the log: nobody would read it on the wire.
    ReaderTooSlow = "ERR_READER_TOO_SLOW";
    /// The server is shutting down.
    ShuttingDown = "ERR_SHUTTING_DOWN";
    /// The client has not shown who it is, or may not do this.
    Unauthorized = "ERR_UNAUTHORIZED";
    /// No function has this name, or no name was bound to this number (protocol V3).
    FunctionUnknown = "ERR_FUNCTION_UNKNOWN";
    /// The function may not be called from there.
    FunctionPrivate = "ERR_FUNCTION_PRIVATE";
    /// The call's deadline has passed.
    DeadlineExceeded = "ERR_DEADLINE_EXCEEDED";
    /// The call was cancelled by its caller, or by the end of what it belonged to.
    Cancelled = "ERR_CANCELLED";
    /// A function panicked; nothing internal is told.
    HandlerPanicked = "ERR_HANDLER_PANICKED";
    /// The other side sent a frame that may not stand there (protocol V3); the connection ends.
    ProtocolViolation = "ERR_PROTOCOL_VIOLATION";
    /// The other side sent more than it had credit for (protocol V3); the connection ends.
    FlowControl = "ERR_FLOW_CONTROL";
    /// One stream too many at once on this connection; the others go on.
    TooManyStreams = "ERR_TOO_MANY_STREAMS";
    /// Too many frames that cost their sender nothing; the connection ends.
    TooManyFrames = "ERR_TOO_MANY_FRAMES";
    /// Payloads must be sealed here, and this one was not.
    SealRequired = "ERR_SEAL_REQUIRED";
    /// A sealed payload does not open: the wrong key, changed on its way, or sent before.
    SealInvalid = "ERR_SEAL_INVALID";
    /// No server can be reached that would run the call.
    Unavailable = "ERR_UNAVAILABLE";
}

impl Code {
    /// A code of the application's own, such as `ERR_BAD_PIN`.
    pub const fn custom(text: &'static str) -> Self {
        Code::Custom(Cow::Borrowed(text))
    }

    /// What a caller is told besides the code where the library has nothing more to say than what the code means.
    pub(crate) fn words(&self) -> Option<&'static str> {
        Some(match self {
            Code::FunctionPrivate => "the function may not be called from here",
            Code::HandlerTimedOut => "the function took too long",
            Code::HandlerPanicked => "the function has failed unexpectedly",
            Code::Overloaded => "there is too much to do; try again later",
            Code::TooManyStreams => "too many calls at once on this connection",
            Code::DeadlineExceeded => "the caller's time is over",
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_written() {
        for text in CODES {
            let code = Code::from(*text);
            assert!(!matches!(code, Code::Custom(_)), "{text}");
            assert_eq!(code.as_str(), *text);
        }
        assert_eq!(Code::from("ERR_BAD_PIN"), Code::custom("ERR_BAD_PIN"));
    }

    #[test]
    fn the_guide_names_each_code() {
        let chapter = include_str!("../../docs/errors.md");
        let rows: Vec<_> =
            chapter.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
        for text in CODES {
            let code = format!("`{text}`");
            assert_eq!(rows.iter().filter(|row| row.contains(&code)).count(), 1, "{code}");
        }
    }
}
