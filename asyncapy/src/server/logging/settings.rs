use std::fmt;

/// AsyncAPY's `console_format`.
const FORMAT: &str = "[%(levelname)s] %(asctime)s %(message)s";

/// AsyncAPY's `datefmt`.
const DATE_FORMAT: &str = "%d/%m/%Y %H:%M:%S %p";

/// What the log shows, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSettings {
    /// The least level that is shown. Default `INFO`.
    pub level: LogLevel,
    /// A line, in the style of Python's `logging`. Default `[%(levelname)s] %(asctime)s %(message)s`.
    pub format: String,
    /// The time in a line (`%(asctime)s`), with the codes of strftime. Default `%d/%m/%Y %H:%M:%S %p`; empty stands for
    /// Python's own default, `2020-02-10 16:39:35,123`.
    pub datefmt: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: LogLevel::default(), format: FORMAT.to_owned(), datefmt: DATE_FORMAT.to_owned() }
    }
}

/// The levels of Python's `logging`, and `TRACE` below them.
///
/// ```
/// use asyncapy::server::logging::LogLevel;
/// assert_eq!("30".parse(), Ok(LogLevel::Warning));
/// assert_eq!("debug".parse(), Ok(LogLevel::Debug));
/// assert_eq!(LogLevel::Info.number(), 20);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// Everything, 0; Python has no name for it but `NOTSET`.
    Trace,
    /// Each step of each packet, 10.
    Debug,
    /// Sessions that begin and end, 20.
    #[default]
    Info,
    /// What an operator should look at, 30.
    Warning,
    /// What failed, 40.
    Error,
    /// Nothing, 50: the library has no event as grave as Python's `CRITICAL`.
    Critical,
}

impl LogLevel {
    /// Python's number of the level.
    pub fn number(self) -> u8 {
        match self {
            LogLevel::Trace => 0,
            LogLevel::Debug => 10,
            LogLevel::Info => 20,
            LogLevel::Warning => 30,
            LogLevel::Error => 40,
            LogLevel::Critical => 50,
        }
    }

    /// Python's name of the level, in capitals.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Trace => "TRACE",
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warning => "WARNING",
            LogLevel::Error => "ERROR",
            LogLevel::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for LogLevel {
    type Err = UnknownLevel;

    /// Reads a name in either case or a number.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "TRACE" | "NOTSET" | "0" => LogLevel::Trace,
            "DEBUG" | "10" => LogLevel::Debug,
            "INFO" | "20" => LogLevel::Info,
            "WARNING" | "WARN" | "30" => LogLevel::Warning,
            "ERROR" | "40" => LogLevel::Error,
            "CRITICAL" | "FATAL" | "OFF" | "50" => LogLevel::Critical,
            _ => return Err(UnknownLevel),
        })
    }
}

/// A text that names no [`LogLevel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

impl UnknownLevel {
    /// What is allowed in its place.
    pub const ALLOWED: &'static str =
        "DEBUG (10), INFO (20), WARNING (30), ERROR (40), CRITICAL (50) or TRACE (0)";
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no level of the log; allowed: {}", Self::ALLOWED)
    }
}

impl std::error::Error for UnknownLevel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_read_by_name_and_by_number() {
        use LogLevel::*;
        for level in [Trace, Debug, Info, Warning, Error, Critical] {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(level.name().to_lowercase().parse(), Ok(level));
            assert_eq!(level.number().to_string().parse(), Ok(level));
        }
        for wrong in ["", "15", "verbose", "-10"] {
            assert_eq!(wrong.parse::<LogLevel>(), Err(UnknownLevel), "{wrong:?}");
        }
    }
}
