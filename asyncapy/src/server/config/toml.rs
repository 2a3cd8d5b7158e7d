//! TOML files, with the keys of the ini files.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::{Entry, LIST, SECTIONS, line_of};

/// Reads a file: keys at the top or in the tables `[asyncapy]`, `[limits]`, `[logging]`, `[tls]`. Mistakes of its form
/// are told beside what could be read.
pub(super) fn read(name: &str, text: &str) -> (Vec<Entry>, Vec<String>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut mistakes: Vec<_> = errors
        .iter()
        .map(|error| match error.span() {
            Some(span) => format!("{name}:{}: {}", line_of(text, span.start), error.message()),
            None => format!("{name}: {}", error.message()),
        })
        .collect();
    // What a broken line makes of the keys around it would only be told as mistakes that are none.
    if !mistakes.is_empty() {
        return (Vec::new(), mistakes);
    }

    let mut entries = Vec::new();
    let mut note = |section: &str, key: &Spanned<_>, value: &DeValue<'_>| {
        let at: usize = key.span().start;
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        let (value, shape) = as_text(value);
        let place = format!("{name}:{}", line_of(text, at));
        entries.push((at, Entry { place, section: section.to_owned(), key: key.to_string(), value, shape }));
    };
    for (key, value) in document.get_ref() {
        let DeValue::Table(table) = value.get_ref() else {
            note("", key, value.get_ref());
            continue;
        };
        let section = key.get_ref().to_ascii_lowercase();
        if SECTIONS.contains(&section.as_str()) {
            table.iter().for_each(|(key, value)| note(&section, key, value.get_ref()));
        } else {
            mistakes.push(format!(
                "{name}:{}: [{}] is no table of settings; allowed: [asyncapy], [limits], [logging], [tls]",
                line_of(text, key.span().start),
                key.get_ref().escape_debug()
            ));
        }
    }
    // The parser sorts by name; mistakes are told in the file's order.
    entries.sort_by_key(|(at, _)| *at);
    (entries.into_iter().map(|(_, entry)| entry).collect(), mistakes)
}

/// A value as an ini file would hold it, and what it is where that is no text.
fn as_text(value: &DeValue<'_>) -> (String, Option<&'static str>) {
    match value {
        DeValue::String(text) => (text.to_string(), None),
        DeValue::Integer(number) if number.radix() == 10 => (number.as_str().to_owned(), None),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => (number.to_string(), None),
            Err(_) => (number.as_str().to_owned(), Some("a number too great")),
        },
        DeValue::Float(number) => (number.as_str().to_owned(), None),
        DeValue::Boolean(_) => (String::new(), Some("a boolean")),
        DeValue::Datetime(_) => (String::new(), Some("a date")),
        DeValue::Table(_) => (String::new(), Some("a table")),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| item.get_ref());
            match items.map(|item| item.as_str()).collect::<Option<Vec<_>>>() {
                Some(items) => (items.join("\n"), Some(LIST)),
                None => (String::new(), Some("a list of other things than strings")),
            }
        }
    }
}
