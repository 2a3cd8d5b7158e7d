//! Settings from files and the environment.
//!
//! Layers, each before the one above it: the defaults, a file, the environment, the builder.
//!
//! An **ini** file is AsyncAPY's: a section `[AsyncAPY]` with the keys of its `Server` (`addr`, `port`, `buf`,
//! `logging_level`, `console_format`, `datefmt`, `timeout`, `header_size`, `byteorder`, `session_limit`, `encoding`) and
//! ours. It is read as Python's `configparser` does: keys in either case, `=` or `:`, comments on lines of their own
//! behind `#` or `;`, quotes are part of a value, an indented line goes on with the value above it. Percent signs may be
//! doubled, as `ConfigParser` wants them (`%%(message)s`), or not, as `RawConfigParser` does (`%(message)s`): a value in
//! which all are doubled is read with single ones.
//!
//! A **TOML** file (its name ends in `.toml`; all others are ini files) has the same keys, at the top or in the table
//! `[asyncapy]`. Both kinds may put limits under `[limits]`, and `level`, `format`, `datefmt` under `[logging]`, `cert`,
//! `key`, `client_ca` under `[tls]`.
//!
//! In the **environment** a key stands in capitals behind `ASYNCAPY_`: `ASYNCAPY_PORT`. `ASYNCAPY_CONFIG` names the file
//! for [`Settings::load`]. Any other variable that begins so is a mistake.
//!
//! Times are numbers of seconds or have a unit (`60`, `0.5`, `"500ms"`, `"2m"`); sizes are numbers of bytes or have a
//! unit (`1048576`, `"1 MiB"`, `"500 kB"`). [`describe`] lists every setting.
//!
//! Every mistake of every layer is told at once, with the file, the line, the key, the value, what is allowed, and which
//! key was perhaps meant:
//!
//! ```text
//! configuration: 2 mistakes:
//!   - server.ini:2: `prot` (set to "80") is no setting; did you mean `port`?
//!   - server.ini:3: `header_size` is "3"; allowed: 1, 2, 4 or 8
//! ```

mod entry;
mod env;
mod ini;
mod kind;
mod near;
mod table;
mod toml;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use table::{Setting, describe};

use self::entry::{Draft, Entry};
use super::Settings;
use crate::error::{Error, Result};

impl Settings {
    /// The defaults, and what an ini or TOML file makes of them.
    ///
    /// # Errors
    /// [`Error::Config`] when the file cannot be read (it names the path), and with every mistake in it.
    ///
    /// ```
    /// use asyncapy::server::Settings;
    /// let error = Settings::from_file("no such file.ini").unwrap_err().to_string();
    /// assert!(error.starts_with("configuration: no such file.ini: "));
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let mut draft = Draft::default();
        draft.take(read_file(path.as_ref()));
        draft.finish()
    }

    /// The defaults, and what the environment's `ASYNCAPY_` variables make of them.
    ///
    /// # Errors
    /// [`Error::Config`] with every mistake in them.
    pub fn from_env() -> Result<Self> {
        let mut draft = Draft::default();
        draft.take(env::read(std::env::vars_os()));
        draft.finish()
    }

    /// The defaults, what a file makes of them, and what the environment makes of that. Without a path the file is the
    /// one that `ASYNCAPY_CONFIG` names; without that there is none.
    ///
    /// # Errors
    /// [`Error::Config`] when the file cannot be read (it names the path), and with every mistake in both.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        Self::default().load_over(path)
    }

    /// As [`load`](Self::load), with these settings in the place of the defaults: for a program with defaults of its own.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn load_over(self, path: Option<&Path>) -> Result<Self> {
        self.layered(path, std::env::vars_os().collect())
    }

    fn layered(self, path: Option<&Path>, variables: Vec<(OsString, OsString)>) -> Result<Self> {
        let mut draft = Draft::from(self);
        let named = variables.iter().find(|(name, value)| name == env::FILE && !value.is_empty());
        let named = named.map(|(_, value)| PathBuf::from(value));
        if let Some(path) = path.or(named.as_deref()) {
            draft.take(read_file(path));
        }
        draft.take(env::read(variables.into_iter()));
        draft.finish()
    }

    /// Makes one setting, by the key and the text that a file would have: what a command line's flag does.
    ///
    /// # Errors
    /// [`Error::Config`] that names the key, the value and what is allowed; the settings are as they were.
    ///
    /// ```
    /// use asyncapy::server::Settings;
    /// let mut settings = Settings::default();
    /// settings.set("max-packet-size", "64 KiB")?;
    /// assert_eq!(settings.limits.max_packet_size, 65_536);
    /// assert!(settings.set("prot", "80").is_err());
    /// # Ok::<(), asyncapy::Error>(())
    /// ```
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let entry = Entry {
            place: "argument".to_owned(),
            section: String::new(),
            key: key.to_owned(),
            value: value.to_owned(),
            shape: None,
        };
        let mut draft = Draft::from(self.clone());
        draft.apply(vec![entry]);
        match draft.mistakes.pop() {
            Some(mistake) => Err(Error::Config(mistake)),
            None => {
                *self = draft.settings;
                Ok(())
            }
        }
    }
}

impl Draft {
    /// Brings in what was read, and the mistakes of reading it.
    fn take(&mut self, (entries, mistakes): (Vec<Entry>, Vec<String>)) {
        self.mistakes.extend(mistakes);
        self.apply(entries);
    }
}

/// Reads a file of either kind; that it cannot be read is a mistake like others.
fn read_file(path: &Path) -> (Vec<Entry>, Vec<String>) {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => read_text(&name, &text),
        Err(error) => (Vec::new(), vec![format!("{name}: {error}")]),
    }
}

fn read_text(name: &str, text: &str) -> (Vec<Entry>, Vec<String>) {
    let is_toml = Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    if is_toml { toml::read(name, text) } else { ini::read(name, text) }
}

#[cfg(test)]
mod tests;
