use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use super::Service;
use crate::rpc::build::{self, Callee};
use crate::rpc::description;
use crate::rpc::function::Function;

/// The one method of the library's trait `Service`: those that are served, each with a share in `state`, an `&Arc`.
pub(super) fn write(
    service: &Service,
    state: &TokenStream,
    path: &dyn Fn(&Function) -> TokenStream,
) -> TokenStream {
    let private = &service.private;
    let methods = service.methods.iter().map(|method| {
        let cfgs = &method.cfgs;
        let description = description::write(method, private);
        let requires = build::requires(method, private);
        let build = build::write(method, &Callee::Method(path(method)), private);
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            __methods.push({
                const FUNCTION: #private::Function = #description;
                let __service = ::core::clone::Clone::clone(#state);
                #private::Method::new(FUNCTION, #requires, #build)
            });
        }
    });
    let methods: Vec<_> = methods.collect();
    let mutable = (!methods.is_empty()).then(|| quote!(mut));
    quote_spanned! {Span::mixed_site()=>
        #[allow(deprecated, reason = "who marks a method so still serves it")]
        fn methods(self: ::std::sync::Arc<Self>) -> ::std::vec::Vec<#private::Method> {
            let #mutable __methods = ::std::vec::Vec::new();
            #(#methods)*
            __methods
        }
    }
}
