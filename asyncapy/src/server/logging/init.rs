use std::io::IsTerminal;

use jiff::Zoned;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use super::line::LineFormat;
use super::{LogLayer, LogLevel, LogSettings};
use crate::error::{Error, Result};

/// The variable that `tracing` programs are told their level by.
const VARIABLE: &str = "RUST_LOG";

/// Sends the log of the whole program to stderr, in this form.
///
/// `RUST_LOG` goes before the level of the settings where it is set, such as `asyncapy=debug,warn`. Levels are coloured
/// where stderr is a terminal and `NO_COLOR` is not set.
///
/// # Errors
/// [`Error::Config`] when a format is wrong (it says what is allowed), when `RUST_LOG` is, or when the program has a
/// subscriber already.
///
/// ```
/// use asyncapy::server::logging::{self, LogSettings};
/// logging::init(&LogSettings::default())?;
/// assert!(logging::init(&LogSettings::default()).is_err());
/// # Ok::<(), asyncapy::Error>(())
/// ```
pub fn init(settings: &LogSettings) -> Result<()> {
    init_to(settings, std::io::stderr)
}

/// The same by way of a writer that leads to stderr, sooner or later.
pub(crate) fn init_to<W>(settings: &LogSettings, writer: W) -> Result<()>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = match std::env::var(VARIABLE) {
        Ok(wish) if !wish.trim().is_empty() => filter_from(&wish)?,
        _ => EnvFilter::default().add_directive(threshold(settings.level).into()),
    };
    let mut layer = layer(settings, writer)?;
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    layer.format.colours = std::io::stderr().is_terminal() && !plain;
    tracing::subscriber::set_global_default(registry().with(filter).with(layer)).map_err(|_| {
        Error::Config("the log is set up already; `logging::init` goes before it or not at all".to_owned())
    })
}

/// The layer alone, for a subscriber of the program's own: no level, no colours.
///
/// # Errors
/// [`Error::Config`] when a format is wrong; it says what is allowed.
pub fn layer<W>(settings: &LogSettings, writer: W) -> Result<LogLayer<W>>
where
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    Ok(LogLayer { format: LineFormat::new(settings)?, writer, clock: Zoned::now })
}

/// A subscriber that writes elsewhere, such as into a test's buffer: the level of the settings (`RUST_LOG` is not read),
/// no colours.
///
/// # Errors
/// [`Error::Config`] when a format is wrong; it says what is allowed.
///
/// ```
/// use asyncapy::server::logging::{self, LogSettings};
///
/// let quiet = logging::subscriber(&LogSettings::default(), std::io::sink)?;
/// tracing::subscriber::with_default(quiet, || tracing::info!(part = "Client handler", "Response sent"));
/// # Ok::<(), asyncapy::Error>(())
/// ```
pub fn subscriber<W>(settings: &LogSettings, writer: W) -> Result<impl Subscriber + Send + Sync + use<W>>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    Ok(registry().with(threshold(settings.level)).with(layer(settings, writer)?))
}

/// Reads what `RUST_LOG` says.
fn filter_from(wish: &str) -> Result<EnvFilter> {
    EnvFilter::try_new(wish).map_err(|error| {
        Error::Config(format!("{VARIABLE} is {wish:?}: {error}; allowed: a level, or `target=level,..`"))
    })
}

fn threshold(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Critical => LevelFilter::OFF,
    }
}

#[cfg(test)]
mod tests;
