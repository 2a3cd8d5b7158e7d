use std::fmt;
use std::io;

use super::{Code, HookFailure};

/// What the library's own functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong in a call of the library.
///
/// `Debug` reads as `Display` does, since that is what a `main` that returns the error shows its user.
#[non_exhaustive]
pub enum Error {
    /// The operating system said no.
    Io(io::Error),
    /// What arrived is no packet: a bad header, a bad length, a payload that does not decode.
    Protocol(String),
    /// A value cannot be written as a packet, or a payload does not fit the type asked for.
    Payload(String),
    /// The packet is longer than the limit or than its header can say: its length and the most that is allowed, in
    /// bytes.
    TooLarge {
        /// The packet's length in bytes, header not counted.
        length: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// The other side is gone, or was told to go.
    Closed,
    /// It took too long.
    TimedOut,
    /// The other side reads too slowly, or there is too much to do: nothing was taken.
    Overloaded,
    /// The server answered with an error packet.
    Refused {
        /// The code of the reply.
        code: Code,
        /// The reply's `message`, where it has one.
        message: Option<String>,
        /// The reply's `field`, where it has one.
        field: Option<String>,
    },
    /// The wiring of the server: every mistake that was found, a line each.
    Build(Vec<String>),
    /// A configuration file or variable: which, and what is allowed.
    Config(String),
    /// Certificates, keys, a handshake.
    Security(String),
    /// A function that was to run before or after the server's start failed; what had been started was undone.
    Hook(HookFailure),
}

impl Error {
    /// Whether the other side is gone, in whichever way that was noticed.
    pub fn is_disconnect(&self) -> bool {
        match self {
            Error::Closed => true,
            Error::Io(error) => matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::UnexpectedEof
            ),
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => error.fmt(f),
            Error::Protocol(what) => write!(f, "not a packet: {what}"),
            Error::Payload(what) => write!(f, "payload: {what}"),
            Error::TooLarge { length, limit } => {
                write!(f, "a packet of {length} bytes is longer than the {limit} that are allowed")
            }
            Error::Closed => f.write_str("the connection is closed"),
            Error::TimedOut => f.write_str("timed out"),
            Error::Overloaded => f.write_str("there is more to do than is allowed to wait"),
            Error::Refused { code, message, field } => {
                // That nobody was reached, or answered in time, is mostly what our own side says.
                match code {
                    Code::Unavailable | Code::DeadlineExceeded => write!(f, "{code}")?,
                    _ => write!(f, "the server answered {code}")?,
                }
                if let Some(field) = field {
                    write!(f, " (field {field:?})")?;
                }
                if let Some(message) = message {
                    write!(f, ": {message:?}")?;
                }
                Ok(())
            }
            Error::Build(mistakes) => {
                let plural = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
                write!(f, "{} {plural} in the wiring of the server:", mistakes.len())?;
                mistakes.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
            }
            Error::Config(what) => write!(f, "configuration: {what}"),
            Error::Security(what) => write!(f, "security: {what}"),
            Error::Hook(failure) => failure.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}
