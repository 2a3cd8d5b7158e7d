use std::any::Any;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::Status;
use crate::mux::Taken;
use crate::wire::{Encoding, PayloadLimits, check_value, decode_value};

/// Reads an item or a result; bytes as they are where they are asked for as [`Bytes`].
pub(super) fn decode<T: DeserializeOwned + 'static>(
    encoding: Option<Encoding>,
    payload: Bytes,
) -> Result<T, Status> {
    match encoding {
        Some(_) => decode_slice(encoding, &payload),
        None => {
            let mut raw: Option<T> = None;
            match (&mut raw as &mut dyn Any).downcast_mut::<Option<Bytes>>() {
                Some(place) => *place = Some(payload),
                None => return Err(Status::mismatch::<T>(&"it is raw bytes")),
            }
            raw.ok_or_else(|| Status::mismatch::<T>(&"it is raw bytes"))
        }
    }
}

/// Reads an item or a result from bytes that somebody else keeps.
///
/// What has fewer bytes than it may have values cannot have too many of them, and both readers bound the nesting by
/// themselves: it need not be gone through twice.
pub(super) fn decode_slice<T: DeserializeOwned + 'static>(
    encoding: Option<Encoding>,
    payload: &[u8],
) -> Result<T, Status> {
    let Some(encoding) = encoding else { return decode(None, Bytes::copy_from_slice(payload)) };
    let limits = PayloadLimits::default();
    if payload.len() > limits.nodes as usize {
        check_value(payload, encoding, &limits).map_err(|error| Status::mismatch::<T>(&error))?;
    }
    decode_value(payload, encoding).map_err(|error| Status::mismatch::<T>(&error))
}

/// Reads an item where it lies.
pub(super) fn decode_item<T: DeserializeOwned + 'static>(item: Taken<'_>) -> Result<T, Status> {
    match item.encoding {
        Some(_) => decode_slice(item.encoding, &item.payload),
        None => decode(None, item.payload.into_bytes()),
    }
}
