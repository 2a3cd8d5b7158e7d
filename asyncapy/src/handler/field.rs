//! Single fields as arguments: `#[field] user: String`.
//!
//! A field is read as a typed packet's would be: straight from the bytes where its type has a way, else by serde.

use super::Request;
use crate::error::{Code, Rejection};
use crate::packet::derived::{Mismatch, missing_field};
use crate::wire::Value;

/// The field `name`, or what its type has for one that is not there.
///
/// # Errors
/// `ERR_FIELD_MISSING`, `ERR_FIELD_INVALID` or `ERR_FIELD_DUPLICATE`, with the field's name.
pub fn field<'a, T>(
    request: &Request<'a>,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Result<T, Mismatch>,
    absent: impl FnOnce() -> Option<T>,
) -> Result<T, Rejection> {
    match find(request, name)? {
        Some(value) => read(value).map_err(|mismatch| mismatch.of(name)),
        None => absent().ok_or_else(|| missing_field(name)),
    }
}

/// The field `name`, or what `default` gives.
///
/// # Errors
/// `ERR_FIELD_INVALID` or `ERR_FIELD_DUPLICATE`, with the field's name.
pub fn field_or_else<'a, T>(
    request: &Request<'a>,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Result<T, Mismatch>,
    default: impl FnOnce() -> T,
) -> Result<T, Rejection> {
    match find(request, name)? {
        Some(value) => read(value).map_err(|mismatch| mismatch.of(name)),
        None => Ok(default()),
    }
}

/// The value of the field `name`, which may stand there once.
fn find<'a>(request: &Request<'a>, name: &'static str) -> Result<Option<Value<'a>>, Rejection> {
    request.view().get_unique(name).map_err(|_| Rejection::new(Code::FieldDuplicate).field(name))
}
