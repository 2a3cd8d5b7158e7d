//! The ini files of AsyncAPY, as Python's `configparser` reads them.

use std::collections::{HashMap, VecDeque};

use ini::{Ini, ParseOption};

use super::entry::{Entry, SECTIONS};

/// Where a key stands.
struct Site {
    line: usize,
    section: String,
    key: String,
}

/// Reads a file; mistakes of its form are told beside what could be read.
pub(super) fn read(name: &str, text: &str) -> (Vec<Entry>, Vec<String>) {
    let (text, sites, mut mistakes) = survey(name, text);
    let options = ParseOption {
        enabled_quote: false,
        enabled_escape: false,
        enabled_indented_mutiline_value: true,
        ..ParseOption::default()
    };
    let file = match Ini::load_from_str_opt(&text, options) {
        Ok(file) => file,
        Err(error) => {
            mistakes.push(format!("{name}:{}: {}", error.line, error.msg));
            return (Vec::new(), mistakes);
        }
    };

    // The parser keeps no lines; the n-th of a section's keys of one name is the n-th that the survey saw.
    let mut lines = HashMap::<(String, String), VecDeque<usize>>::new();
    for Site { line, section, key } in sites {
        lines.entry((section, key)).or_default().push_back(line);
    }

    let mut entries = Vec::new();
    for (section, properties) in file.iter() {
        let section = section.unwrap_or_default().trim().to_ascii_lowercase();
        for (key, value) in properties.iter() {
            let line = lines.get_mut(&(section.clone(), key.to_owned())).and_then(VecDeque::pop_front);
            let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"));
            if section.is_empty() {
                mistakes.push(format!(
                    "{place}: `{key}` stands before the first section; write [AsyncAPY] above it"
                ));
            } else if SECTIONS.contains(&section.as_str()) {
                let (key, value) = (key.to_owned(), plain_percent(value));
                entries.push((line, Entry { place, section: section.clone(), key, value, shape: None }));
            }
        }
    }
    // The parser groups sections of one name; mistakes are told in the file's order.
    entries.sort_by_key(|(line, _)| *line);
    (entries.into_iter().map(|(_, entry)| entry).collect(), mistakes)
}

/// Goes through the lines as the parser will: notes where each key stands, and takes out what the parser would take for
/// something else (comments that are indented, lines that are no setting).
fn survey(name: &str, text: &str) -> (String, Vec<Site>, Vec<String>) {
    let (mut sites, mut mistakes) = (Vec::<Site>::new(), Vec::new());
    let mut kept = String::with_capacity(text.len());
    let mut section = String::new();
    // Whether an indented line goes on with the value above it.
    let mut open = false;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = number + 1;
        let trimmed = line.trim();
        let mut keep = true;
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            keep = false;
        } else if open && line.starts_with([' ', '\t']) {
        } else if let Some(title) = trimmed.strip_prefix('[') {
            match title.split_once(']') {
                Some((title, rest))
                    if rest.trim().is_empty() || rest.trim_start().starts_with(['#', ';']) =>
                {
                    section = title.trim().to_ascii_lowercase();
                    if !SECTIONS.contains(&section.as_str()) {
                        mistakes.push(format!(
                            "{name}:{number}: [{}] is no section; allowed: [AsyncAPY], [limits], [logging], [tls]",
                            title.trim().escape_debug()
                        ));
                        // Its keys are passed over; the parser need not cope with what its name may hold.
                        section = "?".to_owned();
                    }
                    kept.push_str(&format!("[{section}]"));
                }
                _ => mistakes
                    .push(format!("{name}:{number}: a section stands alone in its line, as [AsyncAPY] does")),
            }
            (keep, open) = (false, false);
        } else {
            let key = trimmed.split(['=', ':']).next().unwrap_or_default().trim_end();
            open = key.len() < trimmed.len() && !key.is_empty();
            keep = open;
            if open {
                sites.push(Site { line: number, section: section.clone(), key: key.to_owned() });
            } else {
                let found = trimmed.escape_debug();
                mistakes.push(format!("{name}:{number}: `{found}` sets nothing; allowed: key = value"));
            }
        }
        if keep {
            kept.push_str(line.trim_end());
            if line.trim_end().ends_with('\\') {
                // To the parser a backslash before the line's end means that the line goes on; to `configparser` it
                // does not. The blank is cut from the value again.
                kept.push(' ');
            }
        }
        kept.push('\n');
    }
    (kept, sites, mistakes)
}

/// AsyncAPY's files were read with `ConfigParser`, which wants each percent sign doubled; read with `RawConfigParser`
/// they hold single ones. A value in which every one is doubled is of the first kind.
fn plain_percent(value: &str) -> String {
    if value.replace("%%", "").contains('%') { value.to_owned() } else { value.replace("%%", "%") }
}
