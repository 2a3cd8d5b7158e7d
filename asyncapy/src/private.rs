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

// Registered handlers.
pub use crate::dispatch::Registration;
pub use crate::handler::field::{field, field_or_else};
pub use crate::handler::{Extract, blocking, checks, handler};
pub use inventory;

use crate::handler::filter::{ApiKey, ByRef, Fields, Filter, Ip};
use crate::security::ApiKeys;

/// By which `register(f)` finds what the attribute of `f` left.
pub fn type_id_of<T: 'static>(_: &T) -> std::any::TypeId {
    std::any::TypeId::of::<T>()
}

/// `fields(..)`.
pub fn fields(named: &[(&str, Option<&str>)], open: bool) -> Box<dyn Filter> {
    let fields = named.iter().fold(Fields::new(), |fields, (name, pattern)| match pattern {
        Some(pattern) => fields.matching(*name, pattern),
        None => fields.present(*name),
    });
    Box::new(if open { fields.open() } else { fields })
}

/// `ip = ..`.
pub fn ip(addresses: &[&str]) -> Box<dyn Filter> {
    Box::new(Ip::new(addresses))
}

/// `api_key(field = ..)`.
pub fn api_key(field: &str) -> Box<dyn Filter> {
    Box::new(ApiKey::new(field))
}

/// `api_key(field = .., keys = ..)`.
pub fn api_key_of(field: &str, keys: &ApiKeys) -> Box<dyn Filter> {
    Box::new(ApiKey::new(field).of(keys.clone()))
}

/// `filter = PATH`.
pub fn by_ref<F: Filter>(filter: &'static F) -> Box<dyn Filter> {
    Box::new(ByRef(filter))
}

/// `filter = expression`.
pub fn by_value<F: Filter>(filter: F) -> Box<dyn Filter> {
    Box::new(filter)
}

/// The code that stands on the wire as `text`: one of ours, or else the application's own.
pub fn code(text: &'static str) -> crate::Code {
    match crate::Code::from(text) {
        crate::Code::Custom(_) => crate::Code::custom(text),
        known => known,
    }
}
