use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use asyncapy::server::logging::{self, LogLevel, LogSettings};
use tracing::subscriber::DefaultGuard;

/// Everything that is logged on this thread while it lives, in the library's own form.
///
/// A test's runtime runs on the test's thread, so that tests beside it are not heard.
#[derive(Debug)]
pub struct Log {
    written: Written,
    _guard: DefaultGuard,
}

#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Listens from now on.
    ///
    /// # Panics
    /// If the log's own format is wrong.
    #[must_use]
    pub fn listen(level: LogLevel) -> Self {
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
