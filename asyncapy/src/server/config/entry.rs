//! What a file or the environment says, and how it is brought into the settings.

use std::collections::HashMap;

use super::near::nearest;
use super::table::{Setting, describe};
use crate::error::{Error, Result};
use crate::server::Settings;

/// The names that a section may have; a key in one of the last three may leave out the section's name, so that `cert` in
/// `[tls]` is `tls_cert`.
pub(super) const SECTIONS: [&str; 4] = ["asyncapy", "limits", "logging", "tls"];

/// A key and its value, as they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it stands: `server.ini:4`, or `environment`.
    pub(super) place: String,
    /// The section it stands in, in small letters, or nothing.
    pub(super) section: String,
    /// The key as it was written.
    pub(super) key: String,
    /// The value as text; the items of a list stand on lines of their own.
    pub(super) value: String,
    /// What the value is where it can be no text, such as `a table` or `a list`.
    pub(super) shape: Option<&'static str>,
}

impl Entry {
    /// The setting that the key names: by itself, or with the section's name in front.
    fn setting(&self) -> Option<&'static Setting> {
        Setting::find(&self.key).or_else(|| Setting::find(&format!("{}_{}", self.section, self.key)))
    }

    /// That the key names nothing, and what was perhaps meant.
    fn unknown(&self) -> String {
        let key = self.key.to_ascii_lowercase();
        let names =
            || describe().iter().flat_map(|setting| setting.aliases.iter().copied().chain([setting.key]));
        // A setting before its other names: those come first above, and the least distance that comes first wins.
        let keys = describe().iter().map(|setting| setting.key).chain(names());
        let hint = match nearest(&key, keys) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let all: Vec<_> = describe().iter().map(|setting| setting.key).collect();
                format!("allowed: {}", all.join(", "))
            }
        };
        format!(
            "{}: `{}` (set to {:?}) is no setting; {hint}",
            self.place,
            self.key.escape_debug(),
            self.value
        )
    }
}

/// The settings as far as they have been put together, and every mistake on the way.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) settings: Settings,
    pub(super) mistakes: Vec<String>,
    /// Where each setting was made last.
    places: HashMap<&'static str, String>,
}

impl Draft {
    /// Begins with settings that were made before.
    pub(super) fn from(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Brings in a layer: all that one file or the environment says. It goes before what was there.
    pub(super) fn apply(&mut self, layer: Vec<Entry>) {
        let mut made: HashMap<&'static str, String> = HashMap::new();
        for entry in layer {
            let Some(setting) = entry.setting() else {
                self.mistakes.push(entry.unknown());
                continue;
            };
            let Entry { place, key, value, shape, .. } = entry;
            if let Some(first) = made.get(setting.key) {
                self.mistakes.push(format!("{place}: `{key}` is set twice, first at {first}"));
                continue;
            }
            made.insert(setting.key, place.clone());
            let allowed = setting.allowed;
            if let Some(shape) = shape.filter(|shape| !(setting.list && *shape == LIST)) {
                self.mistakes.push(format!("{place}: `{key}` is {shape}; allowed: {allowed}"));
                continue;
            }
            match (setting.set)(&mut self.settings, value.trim()) {
                Ok(()) => {}
                Err(None) => self.mistakes.push(format!("{place}: `{key}` is {value:?}; allowed: {allowed}")),
                Err(Some(why)) => self.mistakes.push(format!("{place}: `{key}` is {value:?}: {why}")),
            }
        }
        self.places.extend(made);
    }

    /// The settings, or every mistake at once.
    ///
    /// # Errors
    /// [`Error::Config`], a line each.
    pub(super) fn finish(mut self) -> Result<Settings> {
        let header_size = self.settings.header_size;
        let mut together = self.settings.validate();
        if self.places.contains_key("max_packet_size") {
            together.extend(self.settings.limits.chosen_packet_size(header_size));
        }
        together.sort();
        together.dedup();
        for mistake in together {
            // Each names its settings in backticks; the place of the first that was made anywhere is where to look.
            let place = mistake.split('`').skip(1).step_by(2).find_map(|key| self.places.get(key));
            self.mistakes.push(match place {
                Some(place) => format!("{place}: {mistake}"),
                None => mistake,
            });
        }
        match self.mistakes.as_slice() {
            [] => Ok(self.settings),
            [mistake] => Err(Error::Config(mistake.clone())),
            mistakes => {
                Err(Error::Config(format!("{} mistakes:\n  - {}", mistakes.len(), mistakes.join("\n  - "))))
            }
        }
    }
}

/// The shape of a value that is a list.
pub(super) const LIST: &str = "a list";

/// The 1-based number of the line that holds the byte `at`.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}
