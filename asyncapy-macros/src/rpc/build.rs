use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use super::argument::{Argument, Role};
use super::function::{Function, Shape};
use super::returns::{Error, Returns, Value};
use crate::extraction::{extract, reader};
use crate::field::{Default, Field};
use crate::span::{respan, spanned_like};

/// How the function is called.
pub(crate) enum Callee {
    /// By its name.
    Function,
    /// As this method, of a service that the closure's `__service` shares.
    Method(TokenStream),
}

/// What the extractors need of the server, so that `build()` can say what is missing.
pub(crate) fn requires(function: &Function, private: &TokenStream) -> TokenStream {
    let extractors = function.arguments.iter().filter(|argument| !matches!(argument.role, Role::Sent { .. }));
    let calls = extractors.map(|argument| {
        let extract = extract(&argument.ty, private);
        quote_spanned!(Span::mixed_site()=> #extract::require(__needs);)
    });
    let calls: TokenStream = calls.collect();
    match calls.is_empty() {
        true => quote!(|_| {}),
        false => quote_spanned!(Span::mixed_site()=> |__needs| { #calls }),
    }
}

/// Takes each argument out of the call, calls the function, and takes apart what it gives.
///
/// What the caller has sent comes first: an extractor may begin something, and is left alone in a call that is refused.
pub(crate) fn write(function: &Function, callee: &Callee, private: &TokenStream) -> TokenStream {
    let site = Span::mixed_site();
    let values: Vec<Ident> =
        (0..function.arguments.len()).map(|at| format_ident!("__argument_{at}", span = site)).collect();
    let taken = function.arguments.iter().zip(&values);
    let (sent, extracted): (Vec<_>, Vec<_>) =
        taken.partition(|(argument, _)| matches!(argument.role, Role::Sent { .. }));
    let sent = sent.iter().enumerate().map(|(place, (argument, value))| {
        let read = read(argument, place, private);
        quote_spanned!(site=> let #value = #read?;)
    });
    let extracted = extracted.iter().map(|(argument, value)| {
        let extract = extract(&argument.ty, private);
        quote_spanned!(site=> let #value = #extract::extract(__request)?;)
    });
    let no_others = function.whole().is_none().then(|| {
        let names = function.sent().map(|(field, ..)| &field.name);
        quote_spanned!(site=> #private::no_others(__request, &[#(#names),*])?;)
    });
    let by_serde = function.sent().next().is_some().then(|| {
        quote! {
            #[allow(unused_imports, reason = "some types are read without serde")]
            use #private::ArgumentBySerde as _;
        }
    });
    let share = matches!(callee, Callee::Method(_))
        .then(|| quote_spanned!(site=> let __service = ::std::sync::Arc::clone(&__service);));
    let future = future(function, callee, &values, private);
    let output = Ident::new("_", function.span());
    quote_spanned! {site=>
        #private::function::<_, #output, _>(move |__request| {
            #by_serde
            #(#sent)*
            #no_others
            #(#extracted)*
            #share
            ::core::result::Result::Ok(#future)
        })
    }
}

/// The argument at `place` among those that the caller sends.
fn read(argument: &Argument, place: usize, private: &TokenStream) -> TokenStream {
    let Role::Sent { field: Field { name, default, .. }, .. } = &argument.role else {
        return TokenStream::new();
    };
    let ty = &argument.ty;
    let site = Span::mixed_site();
    let (read, absent) = (reader(ty, "read", private), reader(ty, "absent", private));
    let call = match default {
        Default::None => {
            quote_spanned!(site=> #private::argument(__request, #place, #name, #read, #absent))
        }
        Default::Trait => {
            let default = spanned_like(quote!(::core::default::Default), ty);
            let default = quote_spanned!(site=> <#ty as #default>::default);
            quote_spanned!(site=> #private::argument_or_else(__request, #place, #name, #read, #default))
        }
        Default::Expr(expr) => {
            quote_spanned!(site=> #private::argument_or_else(__request, #place, #name, #read, || -> #ty { #expr }))
        }
    };
    spanned_like(call, ty)
}

/// The future of the call, which takes apart what the function gives: the traits choose, one concrete type after
/// another.
fn future(function: &Function, callee: &Callee, values: &[Ident], private: &TokenStream) -> TokenStream {
    let site = Span::mixed_site();
    let name = &function.name;
    let (call, is_method) = match callee {
        Callee::Function => (quote!(#name(#(#values),*)), false),
        Callee::Method(method) => (quote_spanned!(site=> #method(&*__service, #(#values),*)), true),
    };
    let call = if function.is_async {
        call
    } else {
        let call = quote_spanned!(site=> #private::blocking(move || #call));
        respan(call, name.span(), name.span())
    };
    let returned = Places::of(function);
    let given = split(&quote_spanned!(site=> #call.await), private);
    let failed = returned.failed(private);
    let item = returned.item(private);
    let given = if is_method && function.shape() == Shape::ServerStream {
        // The stream may borrow from the service: both live in one future, which sends the items.
        let body =
            returned.body(&quote_spanned!(site=> __items), &quote_spanned!(site=> |__item| __item), private);
        quote_spanned! {site=>
            let __items = #private::Streaming::produce(move |__sink| async move {
                match #given {
                    ::core::result::Result::Ok(__value) => {
                        #private::forward(__value, |__item| #item, __sink).await;
                    }
                    ::core::result::Result::Err(__error) => {
                        __sink.send(::core::result::Result::Err(#failed)).await;
                    }
                }
            });
            ::core::result::Result::Ok(#body)
        }
    } else {
        let body =
            returned.body(&quote_spanned!(site=> __value), &quote_spanned!(site=> |__item| #item), private);
        quote_spanned! {site=>
            match #given {
                ::core::result::Result::Ok(__value) => ::core::result::Result::Ok(#body),
                ::core::result::Result::Err(__error) => ::core::result::Result::Err(#failed),
            }
        }
    };
    quote_spanned! {site=>
        async move {
            #[allow(unused_imports, reason = "the type decides which of them is needed")]
            use #private::returned::*;
            #given
        }
    }
}

/// Where the compiler complains of what is returned.
struct Places<'a> {
    value: &'a Type,
    error: &'a Type,
}

impl<'a> Places<'a> {
    fn of(function: &'a Function) -> Self {
        let Returns { written, value, error } = &function.returns;
        let value = match value {
            Value::One(value) => value,
            Value::Items { stream, .. } => stream,
        };
        let error = match error {
            Error::Own(error) | Error::Status(Some(error)) => error,
            Error::None | Error::Status(None) => written,
        };
        Self { value, error }
    }

    /// What becomes of a value that is good.
    fn body(&self, value: &TokenStream, map: &TokenStream, private: &TokenStream) -> TokenStream {
        let method = Ident::new("body", start_of(self.value));
        quote_spanned!(Span::mixed_site()=> (&mut &mut #private::Returned::new(#value)).#method(#map))
    }

    /// What becomes of an item of a stream.
    fn item(&self, private: &TokenStream) -> TokenStream {
        let split = split(&quote_spanned!(Span::mixed_site()=> __item), private);
        let failed = self.failed(private);
        quote_spanned! {Span::mixed_site()=>
            match #split {
                ::core::result::Result::Ok(__item) => ::core::result::Result::Ok(__item),
                ::core::result::Result::Err(__error) => ::core::result::Result::Err(#failed),
            }
        }
    }

    /// What becomes of an error.
    fn failed(&self, private: &TokenStream) -> TokenStream {
        let method = Ident::new("failed", start_of(self.error));
        quote_spanned! {Span::mixed_site()=>
            (&mut &mut &mut &mut #private::Returned::new(__error)).#method()
        }
    }
}

/// A value as a `Result`: itself if it is one.
fn split(value: &TokenStream, private: &TokenStream) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> (&mut &mut #private::Returned::new(#value)).split())
}

/// Where the first token of `place` stands.
fn start_of(place: &impl ToTokens) -> Span {
    place.to_token_stream().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}
