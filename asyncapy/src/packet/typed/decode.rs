//! What derived decoders call.

use super::by_serde;
use super::mismatch::Mismatch;
use crate::error::{Code, Rejection};
use crate::wire::{Value, View};

/// Which slot the field at `position` belongs to; `usize::MAX` for none.
///
/// Packets mostly hold their fields in the order of the declaration, so that the name after the last one found is
/// compared first; `expected` is where it stands in `names`.
#[inline]
pub fn find(view: View<'_>, position: usize, names: &[(&str, usize)], expected: &mut usize) -> usize {
    match names.get(*expected) {
        Some((name, slot)) if view.key_is(position, name) => {
            *expected += 1;
            *slot
        }
        _ => search(view, position, names, expected),
    }
}

#[inline(never)]
fn search(view: View<'_>, position: usize, names: &[(&str, usize)], expected: &mut usize) -> usize {
    match names.iter().position(|(name, _)| view.key_is(position, name)) {
        Some(found) => {
            *expected = found + 1;
            names[found].1
        }
        None => usize::MAX,
    }
}

/// Reads the field `name` at `position` into its slot.
#[inline]
pub fn fill<'a, T>(
    slot: &mut Option<T>,
    name: &'static str,
    view: View<'a>,
    position: usize,
    read: impl FnOnce(Value<'a>) -> Result<T, Mismatch>,
) -> Result<(), Rejection> {
    if slot.is_some() {
        return Err(duplicate_field(name));
    }
    match read(view.value(position)) {
        Ok(value) => {
            *slot = Some(value);
            Ok(())
        }
        Err(mismatch) => Err(mismatch.of(name)),
    }
}

#[cold]
fn duplicate_field(name: &'static str) -> Rejection {
    Rejection::new(Code::FieldDuplicate).field(name)
}

/// The rejection for a required field that is not there.
#[cold]
pub fn missing_field(name: &'static str) -> Rejection {
    Rejection::new(Code::FieldMissing).field(name)
}

/// The rejection for the field at `position`, which nothing knows.
#[cold]
pub fn unknown_field(view: View<'_>, position: usize) -> Rejection {
    by_serde::unknown_field(view.key(position).into_owned())
}
