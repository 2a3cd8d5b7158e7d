//! Single fields as arguments: `#[field] user: String`.

use serde::de::DeserializeOwned;

use super::Request;
use crate::error::{Code, Rejection};
use crate::packet::derived::{absent_by_serde, missing_field, read_by_serde};

/// The field `name` as a `T`; an `Option` may be missing.
///
/// # Errors
/// `ERR_FIELD_MISSING`, `ERR_FIELD_INVALID` or `ERR_FIELD_DUPLICATE`, with the field's name.
pub fn field<T: DeserializeOwned>(request: &Request<'_>, name: &'static str) -> Result<T, Rejection> {
    find(request, name)?.or_else(absent_by_serde).ok_or_else(|| missing_field(name))
}

/// The field `name` as a `T`, or `default()` where it is missing.
///
/// # Errors
/// `ERR_FIELD_INVALID` or `ERR_FIELD_DUPLICATE`, with the field's name.
pub fn field_or_else<T: DeserializeOwned>(
    request: &Request<'_>,
    name: &'static str,
    default: impl FnOnce() -> T,
) -> Result<T, Rejection> {
    Ok(find(request, name)?.unwrap_or_else(default))
}

fn find<T: DeserializeOwned>(request: &Request<'_>, name: &'static str) -> Result<Option<T>, Rejection> {
    match request.view().get_unique(name) {
        Ok(None) => Ok(None),
        Ok(Some(value)) => read_by_serde(value).map(Some).map_err(|mismatch| mismatch.of(name)),
        Err(_) => Err(Rejection::new(Code::FieldDuplicate).field(name)),
    }
}
