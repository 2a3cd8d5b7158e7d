//! Single fields as arguments: `#[field] user: String`.

use super::Request;
use crate::error::{Code, Rejection};
use crate::packet::derived::Mismatch;
use crate::wire::Value;

/// The field `name` of a request, which must stand there once.
///
/// # Errors
/// `ERR_FIELD_DUPLICATE` where it stands twice.
pub fn find<'a>(request: &Request<'a>, name: &'static str) -> Result<Option<Value<'a>>, Rejection> {
    request
        .view()
        .get_unique(name)
        .map_err(|_| Rejection::new(Code::FieldDuplicate).field(name).message("the field stands twice"))
}

/// The field `name`, or what its type has for one that is not there.
///
/// # Errors
/// `ERR_FIELD_MISSING`, `ERR_FIELD_INVALID` or `ERR_FIELD_DUPLICATE`, with the field's name.
pub fn field<'a, T>(
    request: &mut Request<'a>,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Result<T, Mismatch>,
    absent: impl FnOnce() -> Option<T>,
) -> Result<T, Rejection> {
    match find(request, name)? {
        Some(value) => read(value).map_err(|mismatch| mismatch.of(name)),
        None => absent().ok_or_else(|| Rejection::new(Code::FieldMissing).field(name)),
    }
}

/// The field `name`, or what `default` gives.
///
/// # Errors
/// `ERR_FIELD_INVALID` or `ERR_FIELD_DUPLICATE`, with the field's name.
pub fn field_or_else<'a, T>(
    request: &mut Request<'a>,
    name: &'static str,
    read: impl FnOnce(Value<'a>) -> Result<T, Mismatch>,
    default: impl FnOnce() -> T,
) -> Result<T, Rejection> {
    match find(request, name)? {
        Some(value) => read(value).map_err(|mismatch| mismatch.of(name)),
        None => Ok(default()),
    }
}
