//! What derived decoders call.

use super::by_serde;
use super::mismatch::Mismatch;
use crate::error::{Code, Rejection};
use crate::wire::{Value, View};

/// Whether the field at `position` is there and named `name`.
#[inline]
pub fn is_next(view: View<'_>, position: usize, name: &str) -> bool {
    position < view.len() && view.key_is(position, name)
}

/// Reads the field `name` at `position`, and steps over it.
#[inline]
pub fn read_next<'a, T>(
    view: View<'a>,
    position: &mut usize,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Result<T, Mismatch>,
) -> Result<T, Rejection> {
    let value = view.value(*position);
    *position += 1;
    read(value).map_err(|mismatch| mismatch.of(name))
}

/// Which slot the field at `position` belongs to; `usize::MAX` for none. `expected` is where in `names` the one after
/// the last found stands, which is compared first.
#[inline(never)]
pub fn find(view: View<'_>, position: usize, names: &[(&str, usize)], expected: &mut usize) -> usize {
    let (earlier, later) = names.split_at((*expected).min(names.len()));
    let here = |(name, _): &(&str, usize)| view.key_is(position, name);
    let found = later.iter().position(here).map(|found| found + earlier.len());
    match found.or_else(|| earlier.iter().position(here)) {
        Some(found) => {
            *expected = found + 1;
            names[found].1
        }
        None => usize::MAX,
    }
}

/// Reads the field `name` at `position` into its slot, which must be empty.
#[inline(never)]
pub fn fill<'a, T>(
    slot: &mut Option<T>,
    view: View<'a>,
    position: usize,
    name: &'static str,
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
