use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{ImplItem, ItemImpl, Visibility};

use super::{Service, client, method, refuse_generics, served};
use crate::mistakes::Mistakes;
use crate::rpc::function::Function;
use crate::rpc::options::Options;
use crate::types::last_segment;

/// An impl: it stays as it is, and its type can be served.
pub(super) fn expand(
    mut item: ItemImpl,
    options: Options,
    mistakes: &mut Mistakes,
) -> (TokenStream, TokenStream) {
    let before = mistakes.count();
    if let Some((path, _)) = &item.trait_ {
        let message = "`#[service]` goes on the trait itself: then every implementation of it can be served";
        mistakes.under(path, message);
        return (item.into_token_stream(), TokenStream::new());
    }
    let Some(name) = last_segment(&item.self_ty).map(|segment| segment.ident.clone()) else {
        mistakes.under(&item.self_ty, "a service is a type with a name: its client is called after it");
        return (item.into_token_stream(), TokenStream::new());
    };
    let mut service = Service::new(&name, options, mistakes);
    refuse_generics(&item.generics, mistakes);
    for member in &mut item.items {
        let ImplItem::Fn(function) = member else { continue };
        let method = method::read(&service, &mut function.attrs, &function.vis, &mut function.sig, mistakes);
        service.add(method, mistakes);
    }
    let whole = mistakes.count() == before;
    let written = whole.then(|| {
        let visibility = widest(&service.methods);
        let client = client::write(&service, &format_ident!("{name}Client"), &visibility);
        let (private, ty) = (&service.private, &item.self_ty);
        let methods = served::write(&service, &quote_spanned!(Span::mixed_site()=> &self), &|method| {
            let method = &method.name;
            quote!(<#ty>::#method)
        });
        quote! {
            #client
            impl #private::Service for #ty {
                #methods
            }
        }
    });
    (item.into_token_stream(), written.unwrap_or_default())
}

/// The visibility of the client: that of the method that can be seen from farthest.
fn widest(methods: &[Function]) -> Visibility {
    let of = |wanted: fn(&Visibility) -> bool| {
        methods.iter().map(|method| &method.visibility).find(|visibility| wanted(visibility)).cloned()
    };
    let public = of(|visibility| matches!(visibility, Visibility::Public(_)));
    let restricted = || of(|visibility| matches!(visibility, Visibility::Restricted(_)));
    public.or_else(restricted).unwrap_or(Visibility::Inherited)
}
