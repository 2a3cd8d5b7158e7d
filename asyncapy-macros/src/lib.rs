//! The attribute and derive macros of asyncapy.

mod failure;
mod packet;
mod suggest;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

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
