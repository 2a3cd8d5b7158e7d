//! Arguments of functions, as the macros' output reads them: by name from a map, by place from a list.

use serde::de::DeserializeOwned;

use crate::error::{Code, Rejection};
use crate::handler::Request;
use crate::packet::derived::{Mismatch, Probe, absent_by_serde, missing_field, read_by_serde, unknown_field};
use crate::wire::Value;

/// A type that an argument can have; it is here for what the compiler says of one that cannot.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a call",
    label = "not readable",
    note = "derive serde's `Deserialize` for what the caller sends; mark what is taken from the connection or the \
            server with `#[extract]`"
)]
pub trait ReadArgument: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> ReadArgument for T {}

/// Arguments of all types that are not read straight from the bytes; see [`Probe`].
pub trait ArgumentBySerde {
    /// The argument's type.
    type Target;

    /// Reads the argument.
    fn read(value: Value<'_>) -> Result<Self::Target, Mismatch>
    where
        Self::Target: ReadArgument,
    {
        read_by_serde(value)
    }

    /// The value of an argument that is not there, if that may be.
    fn absent() -> Option<Self::Target>
    where
        Self::Target: ReadArgument,
    {
        absent_by_serde()
    }
}

impl<T> ArgumentBySerde for Probe<T> {
    type Target = T;
}

/// The argument at `place`, called `name`, or what its type has for one that is not there.
///
/// # Errors
/// `ERR_FIELD_MISSING`, `ERR_FIELD_INVALID` or `ERR_FIELD_DUPLICATE`, with the argument's name.
pub fn argument<'a, T>(
    request: &Request<'a>,
    place: usize,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Result<T, Mismatch>,
    absent: impl FnOnce() -> Option<T>,
) -> Result<T, Rejection> {
    match find(request, place, name)? {
        Some(value) => read(value).map_err(|mismatch| mismatch.of(name)),
        None => absent().ok_or_else(|| missing_field(name)),
    }
}

/// The argument at `place`, called `name`, or what `default` gives.
///
/// # Errors
/// `ERR_FIELD_INVALID` or `ERR_FIELD_DUPLICATE`, with the argument's name.
pub fn argument_or_else<'a, T>(
    request: &Request<'a>,
    place: usize,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Result<T, Mismatch>,
    default: impl FnOnce() -> T,
) -> Result<T, Rejection> {
    match find(request, place, name)? {
        Some(value) => read(value).map_err(|mismatch| mismatch.of(name)),
        None => Ok(default()),
    }
}

fn find<'a>(request: &Request<'a>, place: usize, name: &'static str) -> Result<Option<Value<'a>>, Rejection> {
    let view = request.view();
    if view.is_list() {
        return Ok(view.nth(place));
    }
    view.get_unique(name).map_err(|_| Rejection::new(Code::FieldDuplicate).field(name))
}

/// Refuses arguments that the function does not know.
///
/// # Errors
/// `ERR_FIELD_UNKNOWN` with the argument's name; for a list that is too long with a message.
pub fn no_others(request: &Request<'_>, names: &[&str]) -> Result<(), Rejection> {
    let view = request.view();
    if view.is_list() {
        if view.len() > names.len() {
            let message = format!("{} arguments where there are {}", view.len(), names.len());
            return Err(Rejection::new(Code::FieldUnknown).message(message));
        }
        return Ok(());
    }
    for place in 0..view.len() {
        let key = view.key(place);
        // They mostly come in order.
        if names.get(place).is_none_or(|name| *name != key) && !names.contains(&&*key) {
            return Err(unknown_field(view, place));
        }
    }
    Ok(())
}
