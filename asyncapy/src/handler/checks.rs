//! What `#[handler]` has checked of a filter and a packet's field table while it is compiled.

use std::marker::PhantomData;

use crate::packet::{Field, FieldKind, TypedPacket};

/// The field table of `T`.
///
/// What is inherent is found before what a trait in scope has, and it exists only for a [`TypedPacket`]; any other
/// type gets [`NoTable`]'s, so that it is told once, at the argument, that it is none.
#[derive(Debug)]
pub struct Table<T>(PhantomData<T>);

impl<T: TypedPacket> Table<T> {
    /// The lines.
    pub const FIELDS: &'static [Field] = T::FIELDS;
    /// Whether these are all.
    pub const COMPLETE: bool = T::COMPLETE;

    /// A value that has the packet's fields; only its type is ever looked at.
    pub fn shape<Filter>() -> T::Shape<Filter> {
        unreachable!("only the type is looked at")
    }
}

/// The table of a type that has none.
pub trait NoTable {
    /// No lines.
    const FIELDS: &'static [Field] = &[];
    /// There may be any.
    const COMPLETE: bool = false;

    /// A value that has whatever fields the filter names.
    fn shape<Filter>() -> Filter {
        unreachable!("only the type is looked at")
    }
}

impl<T> NoTable for Table<T> {}

/// What a check found: a sentence, or nothing.
///
/// It is built where strings cannot be, so the sentence stands in a fixed buffer and is cut at its end.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    text: [u8; 400],
    length: usize,
}

/// What the text of a number begins with, a bit for each ASCII character.
const NUMBER: u128 = (0x3ff << b'0') | (1 << b'-');
/// What the text of a boolean begins with.
const BOOL: u128 = (1 << b't') | (1 << b'f');
/// What `null` begins with.
const NULL: u128 = 1 << b'n';

/// A field that is not among those of the packet's type, where they are all known.
pub const fn unknown(fields: &[Field], complete: bool, name: &str) -> Finding {
    if !complete || find(fields, name) < fields.len() {
        return Finding::NOTHING;
    }
    let mut found = Finding::NOTHING.push("the packet's type has no field `").push(name).push("`; it has ");
    let mut at = 0;
    while at < fields.len() {
        let separator = if at == 0 { "`" } else { ", `" };
        found = found.push(separator).push(fields[at].name()).push("`");
        at += 1;
    }
    if fields.is_empty() { found.push("none") } else { found }
}

/// A pattern of which no match begins as the text of the field's kind does; a bit of `starts` for each ASCII character
/// that a match can begin with.
pub const fn no_match(fields: &[Field], name: &str, starts: u128) -> Finding {
    let at = find(fields, name);
    if at == fields.len() {
        return Finding::NOTHING;
    }
    let (what, possible) = match fields[at].kind() {
        FieldKind::Integer => ("an integer", NUMBER),
        FieldKind::Float => ("a number", NUMBER),
        FieldKind::Bool => ("a boolean", BOOL),
        _ => return Finding::NOTHING,
    };
    let possible = if fields[at].is_nullable() { possible | NULL } else { possible };
    if starts & possible != 0 {
        return Finding::NOTHING;
    }
    let found =
        Finding::NOTHING.push("this handler can never run: the field `").push(name).push("` is ").push(what);
    found.push(", and none begins as this pattern does")
}

/// A field that the packet's type requires and that an exact filter does not let in.
pub const fn left_out(fields: &[Field], named: &[&str]) -> Finding {
    let mut at = 0;
    while at < fields.len() {
        let field = &fields[at];
        if field.is_required() && !is_named(field, named) {
            let found =
                Finding::NOTHING.push("this handler can never run: the packet's type requires the field `");
            let found =
                found.push(field.name()).push("`, and `fields(..)` lets in only packets without it; add `");
            return found.push(field.name()).push("`, or `..` to allow other fields");
        }
        at += 1;
    }
    Finding::NOTHING
}

impl Finding {
    const NOTHING: Finding = Finding { text: [0; 400], length: 0 };

    /// Whether there is something to say.
    pub const fn found(&self) -> bool {
        self.length > 0
    }

    /// The sentence.
    pub const fn text(&self) -> &str {
        match std::str::from_utf8(self.text.split_at(self.length).0) {
            Ok(text) => text,
            // The buffer's end fell into a character.
            Err(_) => "a check of `#[handler]` failed",
        }
    }

    const fn push(mut self, more: &str) -> Self {
        let more = more.as_bytes();
        let mut at = 0;
        while at < more.len() && self.length < self.text.len() {
            self.text[self.length] = more[at];
            self.length += 1;
            at += 1;
        }
        self
    }
}

/// The place of a field; the number of fields where there is none of this name.
const fn find(fields: &[Field], name: &str) -> usize {
    let mut at = 0;
    while at < fields.len() && !is_named(&fields[at], &[name]) {
        at += 1;
    }
    at
}

/// Whether one of `names` is the field's, or an alias of it.
const fn is_named(field: &Field, names: &[&str]) -> bool {
    let mut named = contains(names, field.name());
    let mut at = 0;
    while at < field.aliases().len() {
        named |= contains(names, field.aliases()[at]);
        at += 1;
    }
    named
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut at = 0;
    while at < names.len() {
        if equal(names[at], name) {
            return true;
        }
        at += 1;
    }
    false
}

/// `==`, which is not const for `str`.
const fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        Field::new("user", &["name"], FieldKind::Text, true, false),
        Field::new("pin", &[], FieldKind::Integer, true, false),
        Field::new("age", &[], FieldKind::Integer, false, true),
        Field::new("fast", &[], FieldKind::Bool, false, false),
    ];

    /// The bits of some characters.
    fn bits(characters: &str) -> u128 {
        characters.bytes().fold(0, |bits, byte| bits | (1 << byte))
    }

    #[test]
    fn an_unknown_field_is_told_with_those_there_are() {
        assert!(!unknown(FIELDS, true, "pin").found());
        assert!(!unknown(FIELDS, true, "name").found(), "an alias");
        assert!(!unknown(FIELDS, false, "pan").found(), "there may be others");
        let found = unknown(FIELDS, true, "pan");
        assert_eq!(found.text(), "the packet's type has no field `pan`; it has `user`, `pin`, `age`, `fast`");
        assert_eq!(unknown(&[], true, "pan").text(), "the packet's type has no field `pan`; it has none");
    }

    #[test]
    fn a_pattern_must_be_able_to_begin_like_the_field() {
        assert!(no_match(FIELDS, "pin", bits("abcn")).text().contains("`pin` is an integer"));
        assert!(!no_match(FIELDS, "pin", bits("a5")).found());
        assert!(!no_match(FIELDS, "pin", bits("-")).found());
        assert!(!no_match(FIELDS, "age", bits("n")).found(), "null");
        assert!(!no_match(FIELDS, "user", bits("x")).found(), "text can be anything");
        assert!(no_match(FIELDS, "fast", bits("yn")).text().contains("`fast` is a boolean"));
        assert!(!no_match(FIELDS, "nobody", 0).found(), "told elsewhere");
    }

    #[test]
    fn an_exact_filter_must_name_what_is_required() {
        assert!(!left_out(FIELDS, &["pin", "user"]).found());
        assert!(!left_out(FIELDS, &["pin", "name"]).found(), "an alias");
        assert!(left_out(FIELDS, &["user", "age"]).text().contains("requires the field `pin`"));
    }

    #[test]
    fn a_sentence_too_long_is_cut() {
        let long = "é".repeat(500);
        assert!(unknown(FIELDS, true, &long).found());
        assert!(!unknown(FIELDS, true, &long).text().is_empty());
    }
}
