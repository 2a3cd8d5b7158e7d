use regex_syntax::hir::{Class, Hir, HirKind, Look};
use syn::{Error, LitStr, Result};

/// The most a compiled pattern may take, in bytes: the same limit as at run time.
const SIZE_LIMIT: usize = 1 << 20;

/// Which ASCII characters a match of a pattern can begin with; a bit each.
///
/// The texts of numbers, booleans and null begin with ASCII, so this is enough to know that a pattern can never match
/// one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Starts(pub(crate) u128);

impl Starts {
    /// What an integer or a float can begin with.
    pub(crate) const NUMBER: Starts = Starts((0x3ff << b'0') | (1 << b'-'));
    /// What a boolean can begin with.
    pub(crate) const BOOL: Starts = Starts((1 << b't') | (1 << b'f'));

    /// Whether a text that begins like `kind` can match.
    pub(crate) fn meets(self, kind: Starts) -> bool {
        self.0 & kind.0 != 0
    }
}

/// Checks that a pattern compiles within the limit and can match, and tells what a match can begin with.
pub(crate) fn check(literal: &LitStr) -> Result<Starts> {
    let text = literal.value();
    let wrong = |message: String| Error::new(literal.span(), message);
    let hir = regex_syntax::parse(&text).map_err(|error| wrong(error.to_string()))?;
    if hir.properties().minimum_len().is_none() {
        return Err(wrong("this pattern can never match".to_owned()));
    }
    // Anchored in the syntax tree as at run time, so that both come to the same size.
    let anchored = Hir::concat(vec![Hir::look(Look::Start), hir.clone()]).to_string();
    regex::RegexBuilder::new(&anchored).size_limit(SIZE_LIMIT).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            wrong(format!("this pattern is too large: compiled it takes more than {limit} bytes"))
        }
        other => wrong(other.to_string()),
    })?;
    let first = first(&hir);
    Ok(Starts(if first.empty { !0 } else { first.starts }))
}

/// What a match of a part of a pattern begins with, and whether it can be empty.
struct First {
    starts: u128,
    empty: bool,
}

/// Assertions (`^`, `\b`) count as empty: too much is allowed rather than too little.
fn first(hir: &Hir) -> First {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => First { starts: 0, empty: true },
        HirKind::Literal(literal) => First {
            starts: literal.0.first().map_or(0, |&byte| range(byte.into(), byte.into())),
            empty: false,
        },
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = class.ranges().iter();
            First {
                starts: ranges.fold(0, |all, one| all | range(one.start().into(), one.end().into())),
                empty: false,
            }
        }
        HirKind::Class(Class::Bytes(class)) => {
            let ranges = class.ranges().iter();
            First {
                starts: ranges.fold(0, |all, one| all | range(one.start().into(), one.end().into())),
                empty: false,
            }
        }
        HirKind::Repetition(repetition) => {
            let part = first(&repetition.sub);
            First { starts: part.starts, empty: part.empty || repetition.min == 0 }
        }
        HirKind::Capture(capture) => first(&capture.sub),
        HirKind::Concat(parts) => {
            let mut all = First { starts: 0, empty: true };
            for part in parts {
                let part = first(part);
                all.starts |= part.starts;
                if !part.empty {
                    all.empty = false;
                    break;
                }
            }
            all
        }
        HirKind::Alternation(parts) => {
            let parts = parts.iter().map(first);
            parts.fold(First { starts: 0, empty: false }, |all, one| First {
                starts: all.starts | one.starts,
                empty: all.empty || one.empty,
            })
        }
    }
}

/// The bits of the ASCII characters from `start` to `end`, both included.
fn range(start: u32, end: u32) -> u128 {
    (start..=end.min(127)).fold(0, |bits, character| bits | (1 << character))
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn starts(pattern: &str) -> Result<Starts> {
        check(&LitStr::new(pattern, Span::call_site()))
    }

    #[test]
    fn the_first_characters_are_those_of_any_match() {
        let cases = [
            (r"\d+", "0123456789"),
            (r"-?\d", "-0123456789"),
            (r"(ab|[x-z])q", "axyz"),
            (r"^\bfoo", "f"),
            (r"(?i)t", "tT"),
            (r"é", ""),
        ];
        for (pattern, expected) in cases {
            let bits = expected.bytes().fold(0u128, |bits, byte| bits | (1 << byte));
            assert_eq!(starts(pattern).unwrap(), Starts(bits), "{pattern}");
        }
        assert_eq!(starts("a*").unwrap(), Starts(!0), "what can be empty matches before any text");
    }

    #[test]
    fn a_pattern_of_letters_meets_no_number() {
        assert!(!starts("[a-z]+").unwrap().meets(Starts::NUMBER));
        assert!(starts("[a-z]+").unwrap().meets(Starts::BOOL));
        assert!(starts(r"\w+").unwrap().meets(Starts::NUMBER));
    }

    #[test]
    fn bad_patterns_are_refused() {
        assert!(starts(r"\w+(").unwrap_err().to_string().contains("unclosed group"));
        assert!(starts(r"[a&&b]").unwrap_err().to_string().contains("never match"));
        assert!(starts(r"(\w{100}){100}").unwrap_err().to_string().contains("too large"));
    }
}
