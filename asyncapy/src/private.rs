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
pub use crate::handler::{Extract, blocking, handler};
pub use crate::handler::{Flow, IntoReply, Reply};
pub use inventory;
pub use std::time::Duration;

// Functions that are called, and their stubs.
pub use crate::rpc::{
    ArgumentBySerde, Returned, argument, argument_or_else, borrowing, called, forward, forward_failure,
    function, no_others,
};
pub use crate::rpc::{
    Call, CallError, Caller, ItemsBody, Named, OpenChannel, OpenItems, SentBy, Status, Streaming, ValueBody,
    Whole,
};
pub use crate::rpc::{Function, FunctionRegistration, Method, Parameter, Place, Returns, Service, Shape};
pub use futures_core::Stream;

/// The traits that take apart what a function has returned.
pub mod returned {
    pub use crate::rpc::{
        FailWithAll, FailWithCode, FailWithDetails, FailWithMessage, IntoItems, IntoValue, SplitResult,
        SplitValue,
    };
}

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

/// `api_key(field = ..)`.
pub fn api_key(field: &str) -> Box<dyn Filter> {
    Box::new(ApiKey::new(field))
}

/// `api_key(field = .., keys = ..)`.
pub fn api_key_of(field: &str, keys: &ApiKeys) -> Box<dyn Filter> {
    Box::new(ApiKey::new(field).of(keys.clone()))
}

/// `filter = PATH`: the filter may be changed while the server runs.
pub fn by_ref<F: Filter>(filter: &'static F) -> Box<dyn Filter> {
    Box::new(ByRef(filter))
}

/// `filter = expression`.
pub fn by_value(filter: impl Filter) -> Box<dyn Filter> {
    Box::new(filter)
}

/// The code that stands on the wire as `text`: one of ours, or else the application's own.
pub fn code(text: &'static str) -> crate::Code {
    match crate::Code::from(text) {
        crate::Code::Custom(_) => crate::Code::custom(text),
        known => known,
    }
}
