use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, ReturnType};

use super::argument::Argument;
use super::arguments::Arguments;
use super::function::Function;
use crate::extraction::{extract, reader};
use crate::field::{Default, Field};
use crate::span::{at_name, can_be_named, respan, spanned_like};

/// The one registration that the library collects at link time.
///
/// All names but the user's resolve where the macro is defined, so that nothing in scope there can get in between.
pub(crate) fn write(arguments: &Arguments, function: &Function) -> TokenStream {
    let library = &arguments.library;
    let private = quote!(#library::__private);
    let Function { name, doc, cfgs, .. } = function;
    let function_name = function.text();
    let text = match &arguments.name {
        Some(text) => text.to_token_stream(),
        None => function.text().to_token_stream(),
    };
    let group = arguments.group.clone().unwrap_or(quote!(0));
    let order = arguments.order.clone().unwrap_or(quote!(0));
    let timeout = match arguments.timeout {
        Some(millis) => quote!(::core::option::Option::Some(::core::time::Duration::from_millis(#millis))),
        None => quote!(::core::option::Option::None),
    };
    // The place of the function's name is the handler's place in every report.
    let (file, line, column) = (at_name(name, "file"), at_name(name, "line"), at_name(name, "column"));
    let filters = filters(arguments, &private);
    let requires = requires(function, &private);
    let build = build(function, &private);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        const _: () = {
            #private::inventory::submit! {
                #private::Registration {
                    name: #text,
                    function_name: #function_name,
                    group: #group,
                    order: #order,
                    module: ::core::module_path!(),
                    file: #file,
                    line: #line,
                    column: #column,
                    doc: #doc,
                    timeout: #timeout,
                    function: || #private::type_id_of(&#name),
                    filters: || #filters,
                    requires: #requires,
                    build: || #build,
                }
            }
        };
    }
}

/// The filters, in the order in which they are cheapest to try.
fn filters(arguments: &Arguments, private: &TokenStream) -> TokenStream {
    let fields = arguments.fields.iter().map(|fields| {
        let open = fields.open;
        let fields = fields.fields.iter().map(|field| {
            let name = field.name.text();
            match &field.pattern {
                Some(pattern) => quote!((#name, ::core::option::Option::Some(#pattern))),
                None => quote!((#name, ::core::option::Option::None)),
            }
        });
        quote!(#private::fields(&[#(#fields),*], #open))
    });
    let ip = (!arguments.ip.is_empty()).then(|| {
        let addresses = &arguments.ip;
        quote!(#private::ip(&[#(#addresses),*]))
    });
    let api_key = arguments.api_key.iter().map(|api_key| {
        let field = &api_key.field;
        match &api_key.keys {
            Some(keys) => {
                let reference = spanned_like(quote!(&), keys);
                quote!(#private::api_key_of(#field, #reference #keys))
            }
            None => quote!(#private::api_key(#field)),
        }
    });
    let filter = arguments.filter.iter().map(|filter| match filter {
        Expr::Path(path) => {
            let by_ref = spanned_like(quote!(#private::by_ref), filter);
            let reference = spanned_like(quote!(&), filter);
            quote!(#by_ref(#reference #path))
        }
        _ => {
            let by_value = spanned_like(quote!(#private::by_value), filter);
            quote!(#by_value(#filter))
        }
    });
    let all = fields.chain(ip).chain(api_key).chain(filter);
    quote!(::std::vec![#(#all),*])
}

/// What the arguments need of the server, so that `build()` can say what is missing.
fn requires(function: &Function, private: &TokenStream) -> TokenStream {
    let extractors = function.arguments.iter().filter(|argument| argument.field.is_none());
    let calls = extractors.map(|argument| {
        let extractor = extract(&argument.ty, private);
        quote_spanned!(Span::mixed_site()=> #extractor::require(__needs);)
    });
    let calls: TokenStream = calls.collect();
    match calls.is_empty() {
        true => quote!(|_| {}),
        false => quote_spanned!(Span::mixed_site()=> |__needs| { #calls }),
    }
}

/// Takes each argument out of the request, in order, and calls the function.
fn build(function: &Function, private: &TokenStream) -> TokenStream {
    let name = &function.name;
    let site = Span::mixed_site();
    let values: Vec<Ident> =
        (0..function.arguments.len()).map(|at| format_ident!("__argument_{at}", span = site)).collect();
    let request = if values.is_empty() {
        Ident::new("_", site).into_token_stream()
    } else {
        quote_spanned!(site=> __request)
    };
    let extractions = function.arguments.iter().zip(&values).map(|(argument, value)| {
        let extraction = match &argument.field {
            None => {
                let extractor = extract(&argument.ty, private);
                quote_spanned!(site=> #extractor::extract(__request))
            }
            Some(field) => take_field(argument, field, private),
        };
        quote_spanned!(site=> let #value = #extraction?;)
    });
    let call = if function.is_async {
        quote!(#name(#(#values),*))
    } else {
        let call = quote_spanned!(site=> #private::blocking(move || #name(#(#values),*)));
        respan(call, name.span(), name.span())
    };
    let call = respan(quote!(::core::result::Result::Ok(#call)), name.span(), name.span());
    // The places of the type arguments are where the compiler complains of the function, of a future that cannot be
    // sent and of a reply that is none.
    let future = Ident::new("_", name.span());
    let reply = match &function.output {
        ReturnType::Type(_, ty) if can_be_named(ty.to_token_stream()) => ty.to_token_stream(),
        ReturnType::Type(_, ty) => spanned_like(quote!(_), ty),
        ReturnType::Default => quote_spanned!(name.span()=> _),
    };
    let by_serde = function.arguments.iter().any(|argument| argument.field.is_some()).then(|| {
        quote! {
            #[allow(unused_imports, reason = "some types are read without serde")]
            use #private::BySerde as _;
        }
    });
    quote_spanned! {site=>
        #private::handler::<_, #future, #reply>(|#request| {
            #by_serde
            #(#extractions)*
            #call
        })
    }
}

/// The field of an argument with `#[field]`.
fn take_field(argument: &Argument, field: &Field, private: &TokenStream) -> TokenStream {
    let ty = &argument.ty;
    let name = &field.name;
    let site = Span::mixed_site();
    let (read, absent) = (reader(ty, "read", private), reader(ty, "absent", private));
    let call = match &field.default {
        Default::None => {
            quote_spanned!(site=> #private::field(__request, #name, #read, #absent))
        }
        Default::Trait => {
            let default = spanned_like(quote!(::core::default::Default), ty);
            let default = quote_spanned!(site=> <#ty as #default>::default);
            quote_spanned!(site=> #private::field_or_else(__request, #name, #read, #default))
        }
        Default::Expr(expr) => {
            quote_spanned!(site=> #private::field_or_else(__request, #name, #read, || -> #ty { #expr }))
        }
    };
    spanned_like(call, ty)
}
