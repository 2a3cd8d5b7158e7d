//! The environment's variables.

use std::ffi::OsString;

use super::entry::Entry;

/// What the variables of the server begin with.
pub(super) const PREFIX: &str = "ASYNCAPY_";

/// The variable that names the configuration file.
pub(super) const FILE: &str = "ASYNCAPY_CONFIG";

/// Picks out the variables that are settings: all that begin with `ASYNCAPY_`, in order of their names.
pub(super) fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> (Vec<Entry>, Vec<String>) {
    let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX) && *name != FILE) else {
            continue;
        };
        match value.into_string() {
            Ok(value) => entries.push(Entry {
                place: format!("environment variable {name}"),
                section: String::new(),
                key: name[PREFIX.len()..].to_ascii_lowercase(),
                value,
                shape: None,
            }),
            Err(_) => mistakes.push(format!("environment variable {name} is not UTF-8")),
        }
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    (entries, mistakes)
}
