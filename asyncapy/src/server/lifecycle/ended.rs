use std::fmt;
use std::io;

use crate::error::Code;
use crate::server::connection::End;

/// Why a session ended, as `on_disconnect` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The client closed the connection, all it had sent before handled.
    ByClient,
    /// A handler, another session or the server's stop closed it.
    ByServer,
    /// The client sent no whole packet in time; it was told `ERR_TIMED_OUT`.
    TimedOut,
    /// What the client sent is no packet; it was told this code.
    Protocol(Code),
    /// The client did not read what it was sent.
    ReaderTooSlow,
    /// The stop's deadline had passed.
    Cut,
    /// The connection broke.
    Io(io::ErrorKind),
    /// An `on_connect` function refused it, after another had let it in; the client was told this code.
    Refused(Code),
}

impl From<End> for Ended {
    fn from(end: End) -> Self {
        match end {
            End::PeerClosed => Ended::ByClient,
            // The second never comes here: what follows it does.
            End::Closed | End::Streams => Ended::ByServer,
            End::TimedOut => Ended::TimedOut,
            End::Protocol(code) => Ended::Protocol(code),
            End::Stuck => Ended::ReaderTooSlow,
            End::Cut => Ended::Cut,
            End::Io(error) => Ended::Io(error.kind()),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::ByClient => f.write_str("the client closed the connection"),
            Ended::ByServer => f.write_str("the server closed the connection"),
            Ended::TimedOut => f.write_str("no whole packet came in time"),
            Ended::Protocol(code) => write!(f, "what came is no packet ({code})"),
            Ended::ReaderTooSlow => f.write_str("the client did not read"),
            Ended::Cut => f.write_str("the server stopped and waited no longer"),
            Ended::Io(kind) => write!(f, "the connection broke: {kind}"),
            Ended::Refused(code) => write!(f, "it was refused ({code})"),
        }
    }
}
