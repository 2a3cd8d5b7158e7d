use std::fmt::Write;

use jiff::Zoned;
use jiff::fmt::strtime;
use tracing::field::{Field as Key, Visit};
use tracing::{Level, Metadata};

use super::LogSettings;
use super::escape::Escaped;
use super::template::{Conversion, Field, Layout, Piece, Template, check_datefmt};
use crate::error::{Error, Result};

/// How a line is written: the format, the date's format, colours or none.
#[derive(Clone, Debug)]
pub(super) struct LineFormat {
    template: Template,
    datefmt: String,
    pub(super) colours: bool,
    /// Whether the format shows the session in a place of its own, so that the message need not.
    own_session: bool,
    /// The same for the part.
    own_part: bool,
}

/// What an event says: its message, its part, its further fields as ` name=value`, all escaped.
#[derive(Debug, Default)]
pub(super) struct Words {
    message: String,
    part: String,
    fields: String,
}

impl LineFormat {
    /// Reads the formats; a wrong one is an [`Error::Config`] that says what is allowed.
    pub(super) fn new(settings: &LogSettings) -> Result<Self> {
        let template = Template::parse(&settings.format)
            .map_err(|why| Error::Config(format!("`console_format` is {:?}: {why}", settings.format)))?;
        let wrong_date = |why: String| Error::Config(format!("`datefmt` is {:?}: {why}", settings.datefmt));
        check_datefmt(&settings.datefmt).map_err(wrong_date)?;
        strtime::format(&settings.datefmt, &Zoned::now()).map_err(|error| wrong_date(error.to_string()))?;
        let shows = |wanted| {
            template.pieces.iter().any(|piece| matches!(piece, Piece::Field(field, _) if *field == wanted))
        };
        let (own_session, own_part) = (shows(Field::Session), shows(Field::Part));
        Ok(Self { template, datefmt: settings.datefmt.clone(), colours: false, own_session, own_part })
    }

    /// Appends the event's line, its end included.
    pub(super) fn write(
        &self,
        line: &mut String,
        metadata: &Metadata<'_>,
        words: &Words,
        session: Option<&str>,
        now: &Zoned,
    ) {
        let mut value = String::new();
        for piece in &self.template.pieces {
            match piece {
                Piece::Literal(text) => line.push_str(text),
                Piece::Field(field, layout) => {
                    value.clear();
                    self.value(*field, *layout, &mut value, metadata, words, session, now);
                    if self.colours && *field == Field::LevelName {
                        line.push_str(colour(metadata.level()));
                        pad(line, &value, *layout);
                        line.push_str("\x1b[0m");
                    } else {
                        pad(line, &value, *layout);
                    }
                }
            }
        }
        line.push('\n');
    }

    #[expect(clippy::too_many_arguments, reason = "all that a line can show, and where to write it")]
    fn value(
        &self,
        field: Field,
        layout: Layout,
        out: &mut String,
        metadata: &Metadata<'_>,
        words: &Words,
        session: Option<&str>,
        now: &Zoned,
    ) {
        match field {
            Field::LevelName => out.push_str(level_name(metadata.level())),
            Field::Message => self.message(out, words, session),
            Field::Part => out.push_str(&words.part),
            Field::Session => out.push_str(session.unwrap_or("-")),
            Field::AscTime => self.time(out, now),
            Field::Name => out.push_str(metadata.target()),
            Field::Module => out.push_str(last_of(metadata.module_path().unwrap_or_default(), "::")),
            Field::PathName => out.push_str(metadata.file().unwrap_or_default()),
            Field::FileName => out.push_str(last_of(metadata.file().unwrap_or_default(), "/")),
            Field::ThreadName => out.push_str(std::thread::current().name().unwrap_or_default()),
            Field::Created => {
                number(out, layout, now.timestamp().as_second(), now.timestamp().subsec_nanosecond());
            }
            Field::Msecs => {
                let nanoseconds = now.subsec_nanosecond();
                number(out, layout, i64::from(nanoseconds / 1_000_000), nanoseconds % 1_000_000 * 1_000);
            }
            Field::LevelNumber => number(out, layout, level_number(metadata.level()), 0),
            Field::LineNumber => number(out, layout, i64::from(metadata.line().unwrap_or_default()), 0),
            Field::Process => number(out, layout, i64::from(std::process::id()), 0),
            Field::Thread => number(out, layout, thread_number(), 0),
        }
    }

    /// The session in parentheses, the part in braces, the message, the fields.
    fn message(&self, out: &mut String, words: &Words, session: Option<&str>) {
        if let Some(session) = session.filter(|_| !self.own_session) {
            out.push('(');
            out.push_str(session);
            out.push_str(") ");
        }
        if !self.own_part && !words.part.is_empty() {
            out.push('{');
            out.push_str(&words.part);
            out.push_str("} ");
        }
        out.push_str(&words.message);
        // Each field brings the blank before it, which the first word of a message does not need.
        let fields = if words.message.is_empty() { words.fields.trim_start() } else { &words.fields };
        out.push_str(fields);
    }

    fn time(&self, out: &mut String, now: &Zoned) {
        let datefmt = if self.datefmt.is_empty() { "%Y-%m-%d %H:%M:%S,%3f" } else { &self.datefmt };
        match strtime::format(datefmt, now) {
            Ok(time) => out.push_str(&time),
            // The codes were checked; what can still fail is a year that a code has no digits for.
            Err(_) => out.push_str(&now.timestamp().to_string()),
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, key: &Key, text: &str) {
        match key.name() {
            // What is shown bare is told apart from what follows by its braces and its place.
            "message" => self.say(key, format_args!("{text}")),
            "part" => self.say(key, format_args!("{text}")),
            _ => self.say(key, format_args!("{text:?}")),
        }
    }

    fn record_debug(&mut self, key: &Key, value: &dyn std::fmt::Debug) {
        self.say(key, format_args!("{value:?}"));
    }

    fn record_error(&mut self, key: &Key, value: &(dyn std::error::Error + 'static)) {
        self.say(key, format_args!("{:?}", value.to_string()));
    }
}

impl Words {
    fn say(&mut self, key: &Key, value: std::fmt::Arguments<'_>) {
        let out = match key.name() {
            "message" => &mut self.message,
            "part" => &mut self.part,
            name => {
                self.fields.push(' ');
                self.fields.push_str(name);
                self.fields.push('=');
                &mut self.fields
            }
        };
        // A `Debug` that fails leaves what it wrote until then; a log has no better answer.
        if write!(Escaped(out), "{value}").is_err() {
            out.push('?');
        }
    }
}

/// Appends `whole` and, where the conversion shows one, the fraction of `nanoseconds`.
fn number(out: &mut String, layout: Layout, whole: i64, nanoseconds: i32) {
    out.push_str(&whole.to_string());
    let digits = match layout.conversion {
        Conversion::Point => layout.precision.unwrap_or(6),
        Conversion::Text if nanoseconds != 0 => 6,
        Conversion::Text | Conversion::Whole => 0,
    };
    if digits > 0 {
        let fraction = format!("{nanoseconds:09}");
        out.push('.');
        out.extend(fraction.chars().chain(std::iter::repeat('0')).take(digits));
    }
}

/// Appends `value` as wide as the layout wants it.
fn pad(line: &mut String, value: &str, layout: Layout) {
    let value = match layout.precision.filter(|_| layout.conversion == Conversion::Text) {
        Some(most) => value.char_indices().nth(most).map_or(value, |(end, _)| &value[..end]),
        None => value,
    };
    if layout.width == 0 {
        return line.push_str(value);
    }
    let lacking = layout.width.saturating_sub(value.chars().count());
    let zero = layout.zero && !layout.left && layout.conversion != Conversion::Text;
    let fill = || std::iter::repeat_n(if zero { '0' } else { ' ' }, lacking);
    if layout.left {
        line.push_str(value);
        line.extend(fill());
    } else {
        line.extend(fill());
        line.push_str(value);
    }
}

/// The last of the names that `separator` joins.
fn last_of<'a>(path: &'a str, separator: &str) -> &'a str {
    path.rsplit(separator).next().unwrap_or(path)
}

fn level_name(level: &Level) -> &'static str {
    match *level {
        Level::WARN => "WARNING",
        ref other => other.as_str(),
    }
}

fn level_number(level: &Level) -> i64 {
    match *level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 0,
    }
}

fn colour(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

/// The thread's number, which the standard library only shows as `ThreadId(7)`.
fn thread_number() -> i64 {
    let id = format!("{:?}", std::thread::current().id());
    id.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_default()
}
