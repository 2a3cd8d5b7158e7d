use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::description;
use super::function::{Function, Shape};
use super::returns::{Error, Value, received};
use crate::span::{end_of, spanned_like};

/// What calls a function of its own: a type with the function's name, which a type can have beside it.
pub(crate) fn write(function: &Function, private: &TokenStream) -> TokenStream {
    let Function { name, visibility, cfgs, full_name, .. } = function;
    let description = description::write(function, private);
    let caller = Ident::new("caller", Span::mixed_site());
    let of_any = Receiver {
        generics: quote!(<__C: #private::Caller>),
        parameter: quote!(#caller: &__C),
        caller: quote!(#caller),
    };
    let call =
        call(function, &Ident::new("call", Span::call_site().located_at(name.span())), &of_any, private);
    let title = format!("Calls of `{full_name}`.");
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #[doc = #title]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations, reason = "a stub, named like the function")]
        #visibility struct #name {}
        #(#cfgs)*
        #[allow(dead_code, clippy::too_many_arguments, reason = "a stub has what its function has")]
        impl #name {
            /// The function's name on the wire.
            #visibility const NAME: &'static ::core::primitive::str = #full_name;
            /// What is known of the function.
            #visibility const FUNCTION: #private::Function = #description;
            #call
        }
    }
}

/// Who calls: what stands first in a stub's method.
pub(crate) struct Receiver {
    /// `__C`, where it is the method's own.
    pub(crate) generics: TokenStream,
    /// The first parameter.
    pub(crate) parameter: TokenStream,
    /// A `&__C`.
    pub(crate) caller: TokenStream,
}

/// A method called `name` that begins a call.
pub(crate) fn call(
    function: &Function,
    name: &Ident,
    receiver: &Receiver,
    private: &TokenStream,
) -> TokenStream {
    let Receiver { generics, parameter, caller } = receiver;
    let Function { visibility, carried, full_name, .. } = function;
    let (parameters, sent_type, sent) = arguments(function, private);
    let bound = quote!(#sent_type: #private::SentBy<__C>);
    let gives = gives(function, &quote!(<#sent_type as #private::SentBy<__C>>::Sent), private);
    let idempotent = function.options.idempotent;
    let doc = carried.iter().all(|attribute| !attribute.path().is_ident("doc")).then(|| {
        let text = match function.shape() {
            Shape::Unary => format!("Calls `{full_name}`."),
            _ => format!("Opens `{full_name}`."),
        };
        quote!(#[doc = #text])
    });
    quote_spanned! {Span::mixed_site()=>
        #doc
        #(#carried)*
        #visibility fn #name #generics (#parameter, #parameters) -> #gives
        where
            #bound,
        {
            <#gives>::new(#caller, #full_name, #idempotent, #private::SentBy::<__C>::sent(#sent))
        }
    }
}

/// The parameters of a stub, and the type and the value of what is sent for them.
fn arguments(function: &Function, private: &TokenStream) -> (TokenStream, TokenStream, TokenStream) {
    if let Some((ty, ident)) = function.whole() {
        return (quote!(#ident: #ty), quote!(#private::Whole<#ty>), quote!(#private::Whole(#ident)));
    }
    let (mut names, mut types, mut idents) = (Vec::new(), Vec::new(), Vec::new());
    for (field, argument, ident) in function.sent() {
        names.push(&field.name);
        types.push(&argument.ty);
        idents.push(ident);
    }
    let count = names.len();
    (
        quote!(#(#idents: #types),*),
        quote!(#private::Named<#count, (#(#types,)*)>),
        quote!(#private::Named::new(&[#(#names),*], (#(#idents,)*))),
    )
}

/// What a stub gives: a call that has not begun.
fn gives(function: &Function, sent: &TokenStream, private: &TokenStream) -> TokenStream {
    if let Some((takes, gives)) = function.channel() {
        let gives = gives.map_or_else(|| quote!(::core::convert::Infallible), |gives| quote!(#gives));
        return quote!(#private::OpenChannel<'_, __C, #sent, #gives, #takes>);
    }
    match &function.returns.value {
        Value::Items(items) => {
            let stream = &items.stream;
            let item = match &items.item {
                Some(item) => received(item).into_token_stream(),
                None => {
                    // All of it stands where the stream does: there the compiler says that it is none.
                    let open = spanned_like(quote!(<), stream);
                    let close = quote_spanned!(end_of(stream)=> as #private::Stream>::Item);
                    quote!(#open #stream #close)
                }
            };
            quote!(#private::OpenItems<'_, __C, #sent, #item>)
        }
        Value::One(value) => {
            let value = received(value);
            let error = match &function.returns.error {
                Error::None | Error::Status(_) => quote!(#private::Status),
                Error::Own(error) => quote!(#private::CallError<#error>),
            };
            quote!(#private::Call<'_, __C, #sent, #value, #error>)
        }
    }
}
