//! The attribute and derive macros of asyncapy.
//!
//! They are thin: each reads what stands in the source, says what is wrong with it under the very token, and leaves
//! the work to generic functions of the library. Use them through `asyncapy`, which documents them too.

mod attribute;
mod extraction;
mod failure;
mod field;
mod handler;
mod mistakes;
mod packet;
mod rpc;
mod service;
mod signature;
mod span;
mod suggest;
mod types;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a function a handler of packets; it stays callable as it is written.
///
/// # What wakes it
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `group = -1` | groups run in ascending order, the first match of each | 0 |
/// | `order = 2` | the place among the handlers of a group, ascending | 0 |
/// | `fields(user = r"\w+", pin, "odd-name" = "x")` | exactly these fields; patterns are anchored at the start | any |
/// | `fields(user, ..)` | at least these fields | |
/// | `ip = "10.0.0.0/8"` or `ip = ["127.0.0.1", "::1"]` | the peer's address | any |
/// | `api_key(field = "key", keys = KEYS)` | the field holds a valid API key; without `keys` the server's `ApiKeys` state | any |
/// | `filter = ALLOWED` | a filter of one's own: a path or an expression | none |
/// | `timeout = "500ms"`, `"5s"`, `"2m"` or `5` (seconds) | how long it may take | the server's `handler_timeout` |
/// | `name = "login"` | what logs and mistakes call it | the function's name |
/// | `crate = path` | where the library is, when it is renamed or re-exported | `::asyncapy` |
///
/// # What it is given
///
/// Every argument's type is an extractor. `#[field]` on an argument takes one field of the packet, by the argument's
/// name or as `#[field("odd-name")]`; `Option<T>` may be missing, and so may a field with `#[field(default)]` or
/// `#[field(default = 5)]`.
///
/// A plain `fn` runs on the blocking pool.
///
/// ```text
/// #[handler(group = -1, fields(user = r"\w+", pin), timeout = "5s")]
/// async fn login(#[field] user: String, #[field] pin: u32, State(db): State<Db>) -> Result<Welcome, LoginError> {
///     db.login(&user, pin).await
/// }
/// ```
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::expand(arguments.into(), item.into()).into()
}

/// Makes a function callable.
#[proc_macro_attribute]
pub fn rpc(arguments: TokenStream, item: TokenStream) -> TokenStream {
    rpc::expand(arguments.into(), item.into()).into()
}

/// Makes a trait or an impl a service.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(arguments.into(), item.into()).into()
}

/// Makes a struct or an enum a typed packet: `asyncapy::packet::TypedPacket` tells how.
///
/// serde's attributes name the fields; `#[packet(crate = path)]` names the crate where it goes by another name.
#[proc_macro_derive(Packet, attributes(packet, serde))]
pub fn derive_packet(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    packet::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum or a struct a failure that reaches the client: `asyncapy::Failure` tells how.
#[proc_macro_derive(Failure, attributes(failure))]
pub fn derive_failure(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    failure::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
