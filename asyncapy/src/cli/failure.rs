use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::error::Error;

/// It did not work: a file, a place to listen at, a reply that is a failure.
pub(super) const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
pub(super) const USAGE: u8 = 2;
/// The other side could not be reached, or did not answer in time, or not with packets.
pub(super) const CONNECTION: u8 = 3;

/// Why a command ends early: the exit code, and a line for people unless all has been said.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    pub(super) fn failed(text: impl fmt::Display) -> Self {
        Self { code: FAILED, text: text.to_string() }
    }

    pub(super) fn usage(text: impl fmt::Display) -> Self {
        Self { code: USAGE, text: text.to_string() }
    }

    pub(super) fn connection(text: impl fmt::Display) -> Self {
        Self { code: CONNECTION, text: text.to_string() }
    }

    /// An exit code without a word: what there was to say stands on stdout.
    pub(super) fn silent(code: u8) -> Self {
        Self { code, text: String::new() }
    }

    /// Writes the line to stderr, in colour where that is a terminal, and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        if !self.text.is_empty() {
            let line = format!("\u{1b}[1;31merror:\u{1b}[0m {}\n", self.text);
            // Without stderr the exit code still says it.
            let _ = anstream::stderr().write_all(line.as_bytes());
        }
        ExitCode::from(self.code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            // One mistake is one line.
            Error::Build(mistakes) if mistakes.len() == 1 => Self::usage(mistakes.concat()),
            Error::Config(_) | Error::Build(_) | Error::Payload(_) | Error::TooLarge { .. } => {
                Self::usage(error)
            }
            _ => Self::failed(error),
        }
    }
}

/// Output that cannot be written. Nobody reading on, as with `| head`, is no failure worth a word.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(0),
            _ => Self::failed(format!("the output cannot be written: {error}")),
        }
    }
}
