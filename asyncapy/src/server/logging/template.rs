//! The patterns of a log line: `%(name)s` as Python's `logging` reads it, and the codes of strftime.

/// What a line is made of, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text that stands as it is.
    Literal(String),
    /// Something of the event, and how it is laid out.
    Field(Field, Layout),
}

/// How a field is laid out: `-`, `0`, width, `.precision` and the letter of a conversion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// `-`: blanks go behind.
    pub(crate) left: bool,
    /// `0`: a number is filled up with zeros.
    pub(crate) zero: bool,
    /// The least number of characters.
    pub(crate) width: usize,
    /// The most characters of a text, or the digits behind the point of a number.
    pub(crate) precision: Option<usize>,
    /// The conversion: `s`, `d` or `f`.
    pub(crate) conversion: Conversion,
}

/// The letter of a conversion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// `s`: as text.
    #[default]
    Text,
    /// `d` or `i`: as a whole number.
    Whole,
    /// `f`: with a point.
    Point,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident = $name:literal $(($number:literal))?;)*) => {
        /// What a line may show: the attributes of Python's `LogRecord` that a program in Rust has, and two of our own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Field { $($(#[$doc])* $field,)* }

        impl Field {
            /// All that is allowed.
            const ALL: &[(&str, Field)] = &[$(($name, Field::$field),)*];

            /// Whether it is a number, so that `d` and `f` suit it.
            fn is_number(self) -> bool {
                match self { $(Field::$field => false $(|| $number)?,)* }
            }
        }
    };
}

fields! {
    /// The time, as `datefmt` has it.
    AscTime = "asctime";
    /// The time in seconds since 1970.
    Created = "created" (true);
    /// The source file's name without its folders.
    FileName = "filename";
    /// `DEBUG`, `INFO`, `WARNING`, `ERROR`.
    LevelName = "levelname";
    /// 10, 20, 30, 40.
    LevelNumber = "levelno" (true);
    /// The line of the source file.
    LineNumber = "lineno" (true);
    /// The session in parentheses, the part in braces, the message, further fields.
    Message = "message";
    /// The last name in the module's path.
    Module = "module";
    /// The thousandths of the second.
    Msecs = "msecs" (true);
    /// The event's target, a module's path.
    Name = "name";
    /// The part of the server that speaks, such as `Client handler`.
    Part = "part";
    /// The source file.
    PathName = "pathname";
    /// The process's number.
    Process = "process" (true);
    /// The session's id, `-` outside of sessions.
    Session = "session";
    /// The thread's number.
    Thread = "thread" (true);
    /// The thread's name.
    ThreadName = "threadName";
}

/// No sensible line pads further than this; a greater width is a slip.
const WIDEST: usize = 255;

impl Template {
    /// Reads a pattern; an error is a sentence that says what is wrong and what is allowed.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = pattern;
        while let Some(at) = rest.find('%') {
            literal.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(tail) = after.strip_prefix('%') {
                literal.push('%');
                rest = tail;
                continue;
            }
            let Some((name, tail)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) else {
                return Err(format!(
                    "`%` begins `%(name)s`, and a percent sign is written `%%`; {}",
                    allowed()
                ));
            };
            let Some((_, field)) = Field::ALL.iter().find(|(known, _)| *known == name) else {
                return Err(format!("`%({name})` is not known; {}", allowed()));
            };
            let (layout, tail) = layout(tail).ok_or_else(|| {
                format!("`%({name})` lacks its conversion, as in `%({name})s`; s, d and f are allowed")
            })?;
            if layout.conversion != Conversion::Text && !field.is_number() {
                return Err(format!("`%({name})` is a text; write `%({name})s`"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Field(*field, layout));
            rest = tail;
        }
        literal.push_str(rest);
        if literal.chars().any(char::is_control) {
            return Err("a line of the log holds no control characters".to_owned());
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }
}

/// Splits `[flags][width][.precision]letter` from the text behind it.
fn layout(text: &str) -> Option<(Layout, &str)> {
    let mut layout = Layout::default();
    let mut rest = text;
    while let Some(tail) = rest.strip_prefix(['-', '0']) {
        layout.left |= rest.starts_with('-');
        layout.zero |= rest.starts_with('0');
        rest = tail;
    }
    (layout.width, rest) = number(rest)?;
    if let Some(tail) = rest.strip_prefix('.') {
        let (digits, tail) = number(tail)?;
        layout.precision = Some(digits);
        rest = tail;
    }
    let mut letters = rest.chars();
    layout.conversion = match letters.next()? {
        's' => Conversion::Text,
        'd' | 'i' => Conversion::Whole,
        'f' => Conversion::Point,
        _ => return None,
    };
    Some((layout, letters.as_str()))
}

/// Splits the digits in front from the text behind them; none are 0.
fn number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let number = if digits.is_empty() { 0 } else { digits.parse().ok().filter(|width| *width <= WIDEST)? };
    Some((number, rest))
}

/// What a pattern may hold.
fn allowed() -> String {
    let names: Vec<_> = Field::ALL
        .iter()
        .map(|(name, field)| format!("%({name}){}", if field.is_number() { 'd' } else { 's' }))
        .collect();
    format!("allowed: {}", names.join(" "))
}

/// The codes of strftime that both Python and this log know, and the few more of GNU's.
pub(super) const DATE_CODES: &str = "aAbBcCdDeFfGghHIjklmMpPrRsSTuUVwWxXyYzZ%";

/// Checks a `datefmt`; an error is a sentence that says what is wrong and what is allowed.
pub(crate) fn check_datefmt(pattern: &str) -> Result<(), String> {
    if pattern.chars().any(char::is_control) {
        return Err("a line of the log holds no control characters".to_owned());
    }
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        let code = letters.find(|c| !matches!(c, '-' | '_' | '0'..='9' | '^' | '#'));
        if !code.is_some_and(|code| DATE_CODES.contains(code)) {
            let code = code.map(String::from).unwrap_or_default();
            let known: Vec<_> = DATE_CODES.chars().map(|code| format!("%{code}")).collect();
            return Err(format!(
                "`%{}` is no code of strftime; allowed: {}",
                code.escape_debug(),
                known.join(" ")
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(field: Field) -> Piece {
        Piece::Field(field, Layout::default())
    }

    #[test]
    fn the_default_format_is_read() {
        let template = Template::parse("[%(levelname)s] %(asctime)s %(message)s").unwrap();
        assert_eq!(
            template.pieces,
            [
                Piece::Literal("[".to_owned()),
                field(Field::LevelName),
                Piece::Literal("] ".to_owned()),
                field(Field::AscTime),
                Piece::Literal(" ".to_owned()),
                field(Field::Message),
            ]
        );
    }

    #[test]
    fn every_name_is_read_in_every_conversion_that_suits_it() {
        for (name, known) in Field::ALL {
            assert_eq!(Template::parse(&format!("%({name})s")).unwrap().pieces, [field(*known)]);
            assert_eq!(Template::parse(&format!("%({name})d")).is_ok(), known.is_number(), "{name}");
        }
    }

    #[test]
    fn flags_width_and_precision_are_read() {
        let template = Template::parse("%(levelname)-8s%(msecs)03d%(name).5s%(created)10.2f").unwrap();
        let layouts: Vec<_> = template
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Field(_, layout) => (layout.left, layout.zero, layout.width, layout.precision),
                Piece::Literal(text) => panic!("{text}"),
            })
            .collect();
        let expected = [
            (true, false, 8, None),
            (false, true, 3, None),
            (false, false, 0, Some(5)),
            (false, false, 10, Some(2)),
        ];
        assert_eq!(layouts, expected);
    }

    #[test]
    fn a_percent_sign_is_doubled() {
        assert_eq!(Template::parse("100%%").unwrap().pieces, [Piece::Literal("100%".to_owned())]);
    }

    #[test]
    fn a_wrong_pattern_says_what_is_allowed() {
        for (pattern, expected) in [
            ("%(mesage)s", "`%(mesage)` is not known; allowed: %(asctime)s"),
            ("%(funcName)s", "%(threadName)s"),
            ("50% done", "`%%`"),
            ("50%", "`%%`"),
            ("%(message", "`%%`"),
            ("%(message)", "`%(message)s`"),
            ("%(message)q", "s, d and f"),
            ("%(message)999s", "lacks its conversion"),
            ("%(message)d", "is a text"),
            ("%(message)s\n", "control characters"),
        ] {
            let error = Template::parse(pattern).unwrap_err();
            assert!(error.contains(expected), "{pattern:?}: {error}");
        }
    }

    #[test]
    fn a_wrong_date_says_what_is_allowed() {
        for sound in ["", "%d/%m/%Y %H:%M:%S %p", "%-d.%m. %H Uhr", "100%%", "%Y-%m-%dT%H:%M:%S%z"] {
            assert_eq!(check_datefmt(sound), Ok(()), "{sound}");
        }
        for wrong in ["%", "%K", "%Y-%", "%d\n", "%(asctime)s"] {
            assert!(check_datefmt(wrong).is_err(), "{wrong}");
        }
        assert!(check_datefmt("%L").unwrap_err().starts_with("`%L` is no code of strftime; allowed: %a %A"));
    }
}
