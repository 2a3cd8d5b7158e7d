use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind, Look};

/// A field whose text is longer than this matches no pattern, in bytes (LIMITS: regex).
const MAX_TEXT: usize = 64 * 1024;
/// The most that a compiled pattern may take, in bytes.
const MAX_SIZE: usize = 1024 * 1024;

/// A regular expression anchored at the start, as Python's `re.match` is.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    source: String,
    /// The text that every match begins with.
    prefix: String,
    /// What remains to be asked once the prefix is there.
    rest: Rest,
    /// The whole anchored expression, where it is asked: a thousand literals need no thousand of these.
    regex: Option<Regex>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Nothing: the pattern is its prefix.
    Nothing,
    /// The text must end there.
    End,
    /// The regex decides.
    Regex,
}

impl Pattern {
    /// # Errors
    /// Why it is no regular expression, or that it is too large.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        let hir = regex_syntax::parse(source).map_err(|error| error.to_string())?;
        let (prefix, rest) = prefix(&hir);
        if rest != Rest::Regex {
            return Ok(Self { source: source.to_owned(), prefix, rest, regex: None });
        }
        // Anchored in the syntax tree, since a pattern may hold flags and comments that text around it would break.
        let anchored = Hir::concat(vec![Hir::look(Look::Start), hir]).to_string();
        let regex =
            RegexBuilder::new(&anchored).size_limit(MAX_SIZE).build().map_err(|error| error.to_string())?;
        Ok(Self { source: source.to_owned(), prefix, rest, regex: Some(regex) })
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The text that every match begins with; empty where nothing is known.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The whole anchored expression, unless the pattern is no more than its prefix.
    pub(crate) fn anchored(&self) -> Option<&str> {
        self.regex.as_ref().map(Regex::as_str)
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        text.len() <= MAX_TEXT
            && match self.rest {
                Rest::Nothing => text.starts_with(&self.prefix),
                Rest::End => text == self.prefix,
                Rest::Regex => {
                    text.starts_with(&self.prefix)
                        && self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
                }
            }
    }

    /// Whether everything that `other` matches is matched here, as far as that can be seen.
    pub(crate) fn covers(&self, other: &Pattern) -> bool {
        self.source == other.source || (self.rest == Rest::Nothing && other.prefix.starts_with(&self.prefix))
    }
}

/// The literal that a match begins with, and what the pattern asks beyond it.
fn prefix(hir: &Hir) -> (String, Rest) {
    match hir.kind() {
        HirKind::Empty => (String::new(), Rest::Nothing),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => (text.to_owned(), Rest::Nothing),
            Err(_) => (String::new(), Rest::Regex),
        },
        HirKind::Capture(capture) => prefix(&capture.sub),
        HirKind::Look(Look::Start) => (String::new(), Rest::Nothing),
        HirKind::Look(Look::End) => (String::new(), Rest::End),
        HirKind::Concat(parts) => {
            let mut text = String::new();
            for (at, part) in parts.iter().enumerate() {
                let (more, rest) = prefix(part);
                let last = at + 1 == parts.len();
                match rest {
                    // A start anywhere but at the start never matches: leave that to the regex.
                    _ if at > 0 && part.properties().look_set().contains(Look::Start) => {
                        return (text, Rest::Regex);
                    }
                    Rest::Nothing => text.push_str(&more),
                    Rest::End if last => return (text + &more, Rest::End),
                    Rest::End | Rest::Regex => return (text + &more, Rest::Regex),
                }
            }
            (text, Rest::Nothing)
        }
        _ => (String::new(), Rest::Regex),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(source: &str) -> (String, Rest) {
        let pattern = Pattern::new(source).unwrap();
        (pattern.prefix, pattern.rest)
    }

    #[test]
    fn literals_are_seen() {
        assert_eq!(parts("add"), ("add".into(), Rest::Nothing));
        assert_eq!(parts("^add$"), ("add".into(), Rest::End));
        assert_eq!(parts(r"add\d+"), ("add".into(), Rest::Regex));
        assert_eq!(parts("(add)(x)"), ("addx".into(), Rest::Nothing));
        assert_eq!(parts("a$b"), ("a".into(), Rest::Regex));
        assert_eq!(parts("a|b").1, Rest::Regex);
        assert_eq!(parts("(?i)add").1, Rest::Regex);
        assert_eq!(parts("(?m)a$").1, Rest::Regex);
    }

    #[test]
    fn matches_as_re_match_does() {
        for (source, text, expected) in [
            (r"\d+", "12a", true),
            (r"\d+", "a12", false),
            ("add", "addition", true),
            ("add$", "addition", false),
            ("a|b", "cab", false),
            ("a|b", "bc", true),
            ("", "anything", true),
            ("(?x) a # a comment", "abc", true),
            ("x^a", "xa", false),
            ("x(^)a", "xa", false),
            ("x(^a)", "xa", false),
            (r"\Aab\z", "ab", true),
        ] {
            assert_eq!(Pattern::new(source).unwrap().matches(text), expected, "{source} on {text}");
        }
    }

    #[test]
    fn refuses_what_is_too_long_or_too_large() {
        assert!(!Pattern::new("a").unwrap().matches(&"a".repeat(MAX_TEXT + 1)));
        assert!(Pattern::new("(").is_err());
        assert!(Pattern::new(r"(\w{100}){1000}").is_err());
    }

    #[test]
    fn covers_what_it_must() {
        let covers = |a: &str, b: &str| Pattern::new(a).unwrap().covers(&Pattern::new(b).unwrap());
        assert!(covers("ad", "add"));
        assert!(covers("ad", r"ad\d"));
        assert!(!covers("add", "ad"));
        assert!(!covers("ad$", "add"));
        assert!(covers(r"\d+", r"\d+"));
    }
}
