use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use super::argument::{Argument, Role};
use super::function::{Function, Shape};
use super::returns::Value;
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
        .then(|| quote_spanned!(site=> let __service = ::core::clone::Clone::clone(&__service);));
    let future = future(function, callee, &values, private);
    // The places of the type arguments are where the compiler complains of a future that cannot be sent and of a value
    // that cannot be written.
    let output = Ident::new("_", function.span());
    let body = match function.shape() {
        Shape::ServerStream => quote!(#private::ItemsBody<_, _>),
        Shape::Unary | Shape::ClientStream | Shape::Duplex => quote!(#private::ValueBody<_>),
    };
    let body = spanned_like(body, written(function));
    quote_spanned! {site=>
        #private::function::<_, #output, #body>(move |__request| {
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
    let by_method = matches!(callee, Callee::Method(_));
    let call = call(function, callee, values, private);
    let (failed, item) = (failed(function.returns.error.ty(), function, private), item(function, private));
    let traits = quote! {
        #[allow(unused_imports, reason = "the type decides which of them is needed")]
        use #private::returned::*;
    };
    if by_method && function.shape() == Shape::ServerStream {
        // The stream may borrow from the service: both live in one future, which hands the items over.
        let given = split(&quote_spanned!(site=> #call.await), private);
        let map = quote_spanned! {site=>
            |__item| match __item {
                ::core::result::Result::Ok(__item) => #item,
                ::core::result::Result::Err(__failed) => ::core::result::Result::Err(*__failed),
            }
        };
        let body = body(&quote_spanned!(site=> __items), &map, private);
        // What cannot be sent is told at the stream's type.
        let items = quote_spanned! {at(written(function))=>
            #private::borrowing(move |__hand| async move {
                match #given {
                    ::core::result::Result::Ok(__value) => #private::forward(__value, __hand).await,
                    ::core::result::Result::Err(__error) => #private::forward_failure(#failed, __hand).await,
                }
            })
        };
        return quote_spanned! {site=>
            async move {
                #traits
                let __items = #items;
                ::core::result::Result::Ok(#body)
            }
        };
    }
    let given = split(&quote_spanned!(site=> __output), private);
    let body = body(&quote_spanned!(site=> __value), &quote_spanned!(site=> |__item| #item), private);
    quote_spanned! {site=>
        #private::called(#call, |__output| {
            #traits
            match #given {
                ::core::result::Result::Ok(__value) => ::core::result::Result::Ok(#body),
                ::core::result::Result::Err(__error) => ::core::result::Result::Err(#failed),
            }
        })
    }
}

/// The future of the function itself.
fn call(function: &Function, callee: &Callee, values: &[Ident], private: &TokenStream) -> TokenStream {
    let name = &function.name;
    let site = at(name);
    match (callee, function.is_async) {
        (Callee::Function, true) => quote!(#name(#(#values),*)),
        (Callee::Function, false) => {
            let call = quote!(#private::blocking(move || #name(#(#values),*)));
            respan(call, name.span(), name.span())
        }
        (Callee::Method(method), true) if function.shape() == Shape::ServerStream => {
            quote_spanned!(site=> #method(&*__service, #(#values),*))
        }
        (Callee::Method(method), true) => {
            quote_spanned!(site=> async move { #method(&*__service, #(#values),*).await })
        }
        (Callee::Method(method), false) => {
            quote_spanned!(site=> #private::blocking(move || #method(&*__service, #(#values),*)))
        }
    }
}

/// What becomes of a value that is good.
fn body(value: &TokenStream, map: &TokenStream, private: &TokenStream) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> (&mut &mut #private::Returned::new(#value)).body(#map))
}

/// What becomes of an item of a stream.
fn item(function: &Function, private: &TokenStream) -> TokenStream {
    let split = split(&quote_spanned!(Span::mixed_site()=> __item), private);
    let failed = failed(function.returns.item_error(), function, private);
    quote_spanned! {Span::mixed_site()=>
        match #split {
            ::core::result::Result::Ok(__item) => ::core::result::Result::Ok(__item),
            ::core::result::Result::Err(__error) => ::core::result::Result::Err(#failed),
        }
    }
}

/// What becomes of an error; the compiler complains of it at its type.
fn failed(ty: Option<&Type>, function: &Function, private: &TokenStream) -> TokenStream {
    quote_spanned! {at(ty.unwrap_or(&function.returns.written))=>
        (&mut &mut &mut &mut #private::Returned::new(__error)).failed()
    }
}

/// The type that must be written out, as far as it is known.
fn written(function: &Function) -> &Type {
    match &function.returns.value {
        Value::One(value) => value,
        Value::Items(items) => &items.stream,
    }
}

/// A value as a `Result`: itself if it is one.
fn split(value: &TokenStream, private: &TokenStream) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> (&mut &mut #private::Returned::new(#value)).split())
}

/// Where the first token of `place` stands, for names of our own.
fn at(place: &impl ToTokens) -> Span {
    let first = place.to_token_stream().into_iter().next();
    first.map_or_else(Span::mixed_site, |token| Span::mixed_site().located_at(token.span()))
}
