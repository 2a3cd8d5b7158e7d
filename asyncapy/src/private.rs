//! What the macros' output calls. Not for other eyes: it may change with any release.

// Derived packets and failures.
pub use crate::error::Rejection;
#[cfg(feature = "spec")]
pub use crate::packet::PacketSchema;
pub use crate::packet::derived::*;
pub use crate::packet::{EncodePacket, Field, FieldKind, TypedPacket};
pub use crate::wire::{EncodeError, Encoding, View, encode};
pub use bytes::BytesMut;
#[cfg(feature = "spec")]
pub use schemars;
pub use serde;
pub use std::borrow::Cow;
pub use std::format;
pub use std::string::{String, ToString};

// Annotated functions.
pub use crate::dispatch::Registration;
pub use crate::handler::checks;
pub use crate::handler::field::{field, field_or_else};
pub use crate::handler::{Extract, IntoReply, Request, blocking, handler};
pub use inventory;
pub use std::time::Duration;

use crate::handler::filter::{ApiKey, ByRef, Fields, Filter, Ip};
use crate::security::ApiKeys;

/// The type of a function item.
pub fn type_id_of<F: 'static>(_: &F) -> std::any::TypeId {
    std::any::TypeId::of::<F>()
}

/// `fields(..)`; the macro has checked the patterns.
pub fn fields(fields: &[(&str, Option<&str>)], open: bool) -> Box<dyn Filter> {
    let all = fields.iter().fold(Fields::new(), |all, (name, pattern)| match pattern {
        Some(pattern) => all.matching(*name, pattern),
        None => all.present(*name),
    });
    Box::new(if open { all.open() } else { all })
}

/// `ip = ..`; the macro has checked the addresses.
pub fn ip(addresses: &[&str]) -> Box<dyn Filter> {
    Box::new(Ip::fixed(addresses))
}

/// `api_key(..)`.
pub fn api_key(field: &str, keys: Option<&ApiKeys>) -> Box<dyn Filter> {
    let filter = ApiKey::new(field);
    Box::new(match keys {
        Some(keys) => filter.of(keys.clone()),
        None => filter,
    })
}

/// `filter = PATH`: the filter may be changed while the server runs.
pub fn by_ref<F: Filter>(filter: &'static F) -> Box<dyn Filter> {
    Box::new(ByRef(filter))
}

/// `filter = expression`.
pub fn by_value(filter: impl Filter) -> Box<dyn Filter> {
    Box::new(filter)
}

/// Says that what a handler returns must be a reply; the macro puts it where the type stands.
pub fn replies<S, F>(start: S) -> S
where
    S: Fn(&mut Request<'_>) -> Result<F, Rejection>,
    F: Future,
    F::Output: IntoReply,
{
    start
}

/// The code that stands on the wire as `text`: one of ours, or else the application's own.
pub fn code(text: &'static str) -> crate::Code {
    match crate::Code::from(text) {
        crate::Code::Custom(_) => crate::Code::custom(text),
        known => known,
    }
}
