use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use asyncapy::server::logging::{self, LogLevel, LogSettings};
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};

/// Everything that is logged on this thread while it lives, in the library's own form.
///
/// A test's runtime runs on the test's thread, so that tests beside it are not heard.
#[derive(Debug)]
pub struct Log {
    written: Written,
    _guard: DefaultGuard,
}

/// A subscriber that hears nothing, beside those of the tests.
///
/// As long as `tracing` knows of a single subscriber, a thread that meets an event for the first time asks its own one alone
/// whether anybody wants it: a test beside that has none would silence the event for the one that listens.
static SILENT: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Listens from now on.
    ///
    /// # Panics
    /// If the log's own format is wrong.
    #[must_use]
    pub fn listen(level: LogLevel) -> Self {
        LazyLock::force(&SILENT);
        let written = Written::default();
        let mut settings = LogSettings::default();
        settings.level = level;
        let writer = written.clone();
        let subscriber = logging::subscriber(&settings, move || writer.clone()).expect("the log's format");
        Self { written, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// What was logged so far.
    ///
    /// # Panics
    /// If it is no UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = self.written.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// The lines that were logged so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
