//! The index that finds the few routes of a group that can match a packet.
//!
//! By the set of field names (for filters that allow no others) or by one field (for those that do), then by the
//! literals that patterns begin with, then by all remaining patterns of a field at once. What comes out is a superset
//! of the matches: the filters themselves decide.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use regex::{RegexSet, RegexSetBuilder};

use super::Route;
use crate::handler::filter::{Field, Fields, Shape};
use crate::wire::View;

/// So few routes are asked one after the other.
const FEW: usize = 4;
/// The most that the patterns of one field may take when compiled together, in bytes.
const MAX_SET_SIZE: usize = 64 * 1024 * 1024;

pub(super) enum Selector {
    /// So few that each is asked.
    Few(Range<usize>),
    Indexed(Box<Indexed>),
}

#[derive(Default)]
pub(super) struct Indexed {
    /// Routes that ask for no fields.
    always: Vec<u32>,
    /// Routes that ask for exactly these fields, by the signature of the names; by their number alone while there are
    /// few such sets, since the filters look at the names anyway.
    exact: Places<usize>,
    /// Routes that allow other fields too, by one name that they ask for.
    open: Places<String>,
}

/// Buckets by something that is compared while there are few of them, and by its hash when there are more.
enum Places<K> {
    Few(Vec<(K, Bucket)>),
    Hashed(Prehashed<Bucket>),
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Places::Few(Vec::new())
    }
}

impl<K> Places<K> {
    fn new(routes: HashMap<u64, Vec<(u32, &Fields)>>, key: impl Fn(&Fields) -> K) -> Self {
        if routes.len() > FEW {
            return Places::Hashed(
                routes.into_iter().map(|(hash, routes)| (hash, Bucket::new(&routes))).collect(),
            );
        }
        let first = routes.into_values().filter_map(|routes| {
            let (_, fields) = routes.first()?;
            Some((key(fields), Bucket::new(&routes)))
        });
        Places::Few(first.collect())
    }
}

/// Routes that the same fields lead to.
#[derive(Default)]
struct Bucket {
    /// Routes that no pattern tells apart.
    plain: Vec<u32>,
    by_literal: Vec<Literals>,
    by_pattern: Vec<Patterns>,
}

/// Routes by the literal with which the text of one field must begin.
struct Literals {
    field: String,
    /// By the literal's length in bytes.
    lengths: Vec<(usize, Prehashed<Vec<u32>>)>,
}

/// Routes by patterns of one field, all tried in one pass.
struct Patterns {
    field: String,
    set: RegexSet,
    routes: Vec<u32>,
}

type Prehashed<T> = HashMap<u64, T, BuildHasherDefault<Identity>>;

/// Keys are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "only u64 keys are hashed");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// The same for the same names in any order.
fn signature(hashes: impl Iterator<Item = u64>) -> u64 {
    let sum = hashes.fold(0u64, |sum, hash| sum.wrapping_add(hash | 1));
    sum.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Selector {
    pub(super) fn new(routes: &[Route], range: Range<usize>) -> Self {
        if range.len() <= FEW {
            return Selector::Few(range);
        }
        let numbers = range.filter_map(|at| u32::try_from(at).ok());
        let mut indexed = Indexed::default();
        let mut exact: HashMap<u64, Vec<(u32, &Fields)>> = HashMap::new();
        let mut open: HashMap<u64, Vec<(u32, &Fields)>> = HashMap::new();
        for at in numbers {
            match fields(&routes[at as usize]) {
                Some(fields) if !fields.is_open() => {
                    let names = fields.fields().iter().map(|field| View::hash_name(&field.name));
                    exact.entry(signature(names)).or_default().push((at, fields));
                }
                Some(fields) => match anchor(fields) {
                    Some(field) => open.entry(View::hash_name(&field.name)).or_default().push((at, fields)),
                    None => indexed.always.push(at),
                },
                None => indexed.always.push(at),
            }
        }
        indexed.exact = Places::new(exact, |fields| fields.fields().len());
        indexed.open =
            Places::new(open, |fields| anchor(fields).map(|field| field.name.clone()).unwrap_or_default());
        Selector::Indexed(Box::new(indexed))
    }
}

impl Indexed {
    /// Puts the routes that may match into `found`, in the order in which they are asked.
    pub(super) fn candidates(&self, view: &View<'_>, found: &mut Vec<u32>) {
        found.clear();
        found.extend_from_slice(&self.always);
        match &self.exact {
            Places::Few(places) => {
                let as_many = places.iter().filter(|(fields, _)| *fields == view.len());
                as_many.for_each(|(_, bucket)| bucket.candidates(view, found));
            }
            Places::Hashed(places) => {
                let signature = signature((0..view.len()).map(|at| view.key_hash(at)));
                if let Some(bucket) = places.get(&signature) {
                    bucket.candidates(view, found);
                }
            }
        }
        match &self.open {
            Places::Few(places) => {
                let there = places.iter().filter(|(name, _)| view.get(name).is_some());
                there.for_each(|(_, bucket)| bucket.candidates(view, found));
            }
            Places::Hashed(places) => {
                let there = (0..view.len()).filter_map(|at| places.get(&view.key_hash(at)));
                there.for_each(|bucket| bucket.candidates(view, found));
            }
        }
        if found.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
    }
}

impl Bucket {
    fn new(routes: &[(u32, &Fields)]) -> Self {
        let mut bucket = Bucket::default();
        let mut patterns: HashMap<&str, Vec<(u32, &str)>> = HashMap::new();
        for &(at, fields) in routes {
            let told_apart = telling(fields);
            match told_apart.and_then(|field| field.pattern.as_ref().map(|pattern| (field, pattern))) {
                None => bucket.plain.push(at),
                Some((field, pattern)) if pattern.prefix().is_empty() => match pattern.anchored() {
                    Some(anchored) => patterns.entry(&field.name).or_default().push((at, anchored)),
                    None => bucket.plain.push(at),
                },
                Some((field, pattern)) => bucket.literal(at, &field.name, pattern.prefix()),
            }
        }
        for (field, patterns) in patterns {
            let set = RegexSetBuilder::new(patterns.iter().map(|(_, pattern)| pattern))
                .size_limit(MAX_SET_SIZE)
                .build();
            let routes: Vec<_> = patterns.iter().map(|(at, _)| *at).collect();
            match set {
                Ok(set) if routes.len() > 1 => {
                    bucket.by_pattern.push(Patterns { field: field.to_owned(), set, routes });
                }
                // Alone, or too large together: each is asked by itself.
                Ok(_) | Err(_) => bucket.plain.extend(routes),
            }
        }
        bucket
    }

    fn literal(&mut self, at: u32, field: &str, prefix: &str) {
        let place = match self.by_literal.iter().position(|literals| literals.field == field) {
            Some(place) => place,
            None => {
                self.by_literal.push(Literals { field: field.to_owned(), lengths: Vec::new() });
                self.by_literal.len() - 1
            }
        };
        let lengths = &mut self.by_literal[place].lengths;
        let place = match lengths.iter().position(|(length, _)| *length == prefix.len()) {
            Some(place) => place,
            None => {
                lengths.push((prefix.len(), Prehashed::default()));
                lengths.len() - 1
            }
        };
        lengths[place].1.entry(View::hash_name(prefix)).or_default().push(at);
    }

    fn candidates(&self, view: &View<'_>, found: &mut Vec<u32>) {
        found.extend_from_slice(&self.plain);
        for literals in &self.by_literal {
            let Some(text) = text(view, &literals.field) else { continue };
            for (length, routes) in &literals.lengths {
                let prefix = text.get(..*length);
                if let Some(routes) = prefix.and_then(|prefix| routes.get(&View::hash_name(prefix))) {
                    found.extend_from_slice(routes);
                }
            }
        }
        for patterns in &self.by_pattern {
            let Some(text) = text(view, &patterns.field) else { continue };
            found.extend(patterns.set.matches(&text).iter().map(|at| patterns.routes[at]));
        }
    }
}

fn text<'a>(view: &View<'a>, field: &str) -> Option<Cow<'a, str>> {
    view.get(field)?.text().filter(|text| text.len() <= 64 * 1024)
}

/// The fields that a route asks for, where it says so.
fn fields(route: &Route) -> Option<&Fields> {
    fn of(shape: Shape<'_>) -> Option<&Fields> {
        match shape {
            Shape::Fields(fields) => Some(fields),
            Shape::All(filters) => filters.iter().find_map(|filter| of(filter.shape())),
            Shape::Opaque | Shape::Ip(_) | Shape::ApiKey(_) => None,
        }
    }
    route.filters.iter().find_map(|filter| of(filter.shape()))
}

/// The field whose pattern tells a route from most others: the one with the longest literal, else any pattern.
fn telling(fields: &Fields) -> Option<&Field> {
    let with_pattern = fields.fields().iter().filter(|field| field.pattern.is_some());
    with_pattern.max_by_key(|field| field.pattern.as_ref().map_or(0, |pattern| pattern.prefix().len()))
}

/// The field by which a route that allows others is found.
fn anchor(fields: &Fields) -> Option<&Field> {
    telling(fields).or_else(|| fields.fields().first())
}
