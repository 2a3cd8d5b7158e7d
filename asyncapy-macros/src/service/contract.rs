use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{GenericArgument, ItemTrait, PathArguments, ReturnType, TraitItem, TraitItemFn, Type, parse_quote};

use super::{Service, client, method, refuse_generics, served};
use crate::mistakes::Mistakes;
use crate::rpc::options::Options;

/// A trait: it is written anew with futures that can be sent, and whatever implements it can be served.
pub(super) fn expand(
    mut item: ItemTrait,
    options: Options,
    mistakes: &mut Mistakes,
) -> (TokenStream, TokenStream) {
    let before = mistakes.count();
    let mut service = Service::new(&item.ident, options, mistakes);
    refuse_generics(&item.generics, mistakes);
    for member in &mut item.items {
        let TraitItem::Fn(function) = member else {
            mistakes
                .under(member, "the trait of a service has methods alone: a caller knows no implementation");
            continue;
        };
        let TraitItemFn { attrs, sig, .. } = function;
        let method = method::read(&service, attrs, &item.vis, sig, mistakes);
        if method.is_some() {
            send(function);
        }
        service.add(method, mistakes);
    }
    for bound in ["::core::marker::Send", "::core::marker::Sync", "'static"] {
        if let Ok(bound) = syn::parse_str(bound) {
            item.supertraits.push(bound);
        }
    }
    item.colon_token.get_or_insert_with(Default::default);
    let whole = mistakes.count() == before;
    let written = whole.then(|| {
        let client = client::write(&service, &format_ident!("{}Client", item.ident), &item.vis);
        let server = server(&service, &item);
        quote!(#client #server)
    });
    (item.into_token_stream(), written.unwrap_or_default())
}

/// Makes an async method one that returns a future that can be sent, and its stream, if it gives one, a stream that can.
fn send(function: &mut TraitItemFn) {
    if let ReturnType::Type(_, ty) = &mut function.sig.output {
        sendable(ty);
    }
    if function.sig.asyncness.take().is_none() {
        return;
    }
    let output = match &function.sig.output {
        ReturnType::Type(_, ty) => ty.to_token_stream(),
        ReturnType::Default => quote!(()),
    };
    function.sig.output = parse_quote! {
        -> impl ::core::future::Future<Output = #output> + ::core::marker::Send
    };
    if let Some(body) = &function.default {
        function.default = Some(parse_quote!({ async move #body }));
    }
}

/// Adds `Send` to each `impl Trait` in a type.
fn sendable(ty: &mut Type) {
    match ty {
        Type::Group(ty) => sendable(&mut ty.elem),
        Type::Paren(ty) => sendable(&mut ty.elem),
        Type::ImplTrait(ty) => ty.bounds.push(parse_quote!(::core::marker::Send)),
        Type::Path(ty) => {
            let Some(segment) = ty.path.segments.last_mut() else { return };
            let PathArguments::AngleBracketed(arguments) = &mut segment.arguments else { return };
            for argument in &mut arguments.args {
                if let GenericArgument::Type(ty) = argument {
                    sendable(ty);
                }
            }
        }
        _ => {}
    }
}

/// What serves an implementation of the trait.
fn server(service: &Service, item: &ItemTrait) -> TokenStream {
    let Service { private, group, .. } = service;
    let (visibility, name) = (&item.vis, &item.ident);
    let server = format_ident!("{}Server", name);
    let title = format!("Serves an implementation of [`{name}`] as `{group}`.");
    let methods = served::write(service, &quote_spanned!(Span::mixed_site()=> &self.0), &|method| {
        let method = &method.name;
        quote!(<__S as #name>::#method)
    });
    quote! {
        #[doc = #title]
        #[derive(::core::fmt::Debug)]
        #[allow(dead_code, reason = "a client alone has no need of it")]
        #visibility struct #server<__S>(::std::sync::Arc<__S>);
        #[allow(dead_code, reason = "a client alone has no need of it")]
        impl<__S: #name> #server<__S> {
            /// Serves this implementation: `Server::builder().service(..)` takes it.
            #visibility fn new(service: __S) -> Self {
                Self(::std::sync::Arc::new(service))
            }
        }
        /// An implementation that somebody else has a share in.
        impl<__S: #name> ::core::convert::From<::std::sync::Arc<__S>> for #server<__S> {
            fn from(service: ::std::sync::Arc<__S>) -> Self {
                Self(service)
            }
        }
        impl<__S: #name> #private::Service for #server<__S> {
            #methods
        }
    }
}
