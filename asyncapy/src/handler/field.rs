//! Single fields as arguments: `#[field] user: String`.

use super::Request;
use crate::error::{Code, Rejection};
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
