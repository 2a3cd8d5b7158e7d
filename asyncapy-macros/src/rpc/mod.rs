//! `#[rpc]`: the function as it is written, its registration, and its stub.
//!
//! - [`options`]: what stands in the attribute.
//! - [`function`]: what stands below it; [`argument`] is one argument, [`returns`] what it gives.
//! - [`description`], [`build`] and [`stub`]: what is written out.

pub(crate) mod argument;
pub(crate) mod build;
pub(crate) mod description;
pub(crate) mod function;
pub(crate) mod options;
pub(crate) mod returns;
pub(crate) mod stub;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Signature, Token, Visibility};

use crate::mistakes::Mistakes;
use crate::signature::other_item;
use build::Callee;
use function::{Function, KIND, Receiver};
use options::Options;

/// Expands the attribute. As with `#[handler]` the function comes first whatever is wrong.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = Options::parse(arguments, options::FUNCTION, &mut mistakes);
    let parser = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        other_item(input, &KIND)?;
        let signature: Signature = input.parse()?;
        let body: TokenStream = input.parse()?;
        Ok((attributes, visibility, signature, body))
    };
    let Some((attributes, visibility, mut signature, body)) = mistakes.keep(parser.parse2(item.clone()))
    else {
        let errors = mistakes.into_compile_errors();
        return quote!(#item #errors);
    };
    let private = {
        let library = options.library();
        quote!(#library::__private)
    };
    let remote = options.remote;
    let has_body = syn::parse2::<Token![;]>(body.clone()).is_err();
    match remote {
        Some(span) if has_body => {
            mistakes.at(span, "the function runs elsewhere: end it with `;` instead of a body");
        }
        None if !has_body => {
            let message = "a function without a body runs elsewhere: say so with `#[rpc(remote)]`";
            mistakes.under(&body, message);
        }
        _ => {}
    }
    let function =
        Function::read(&attributes, &visibility, &mut signature, Receiver::Refused, options, &mut mistakes);
    let item = has_body.then(|| quote!(#(#attributes)* #visibility #signature #body));
    let written = function.map(|function| {
        let stub = stub::write(&function, &private);
        let registration = remote.is_none().then(|| registration(&function, &private));
        quote!(#stub #registration)
    });
    let errors = mistakes.into_compile_errors();
    quote!(#item #written #errors)
}

/// The one registration that the library collects at link time.
fn registration(function: &Function, private: &TokenStream) -> TokenStream {
    let Function { name, cfgs, .. } = function;
    let requires = build::requires(function, private);
    let build = build::write(function, &Callee::Function, private);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        const _: () = {
            #private::inventory::submit! {
                #private::FunctionRegistration {
                    function: #name::FUNCTION,
                    type_id: || #private::type_id_of(&#name),
                    requires: #requires,
                    build: || #build,
                }
            }
        };
    }
}
