use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Visibility;

use super::Service;
use crate::rpc::stub::{self, Receiver};

/// The client of a service: a method for each of those that are served.
pub(super) fn write(service: &Service, name: &Ident, visibility: &Visibility) -> TokenStream {
    let Service { private, group, methods, .. } = service;
    let receiver = Receiver {
        generics: TokenStream::new(),
        parameter: quote_spanned!(Span::mixed_site()=> &self),
        caller: quote_spanned!(Span::mixed_site()=> &self.caller),
    };
    let calls = methods.iter().map(|method| stub::call(method, &method.name, &receiver, private));
    let title =
        format!("Calls of the service `{group}`: of whoever serves it at the other end of its caller.");
    quote_spanned! {Span::mixed_site()=>
        #[doc = #title]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code, reason = "a server alone has no need of it")]
        #visibility struct #name<__C> {
            caller: __C,
        }
        #[allow(dead_code, clippy::too_many_arguments, reason = "a client has what its service has")]
        impl<__C: #private::Caller> #name<__C> {
            /// Calls by way of this connection, or this client.
            #visibility const fn new(caller: __C) -> Self {
                Self { caller }
            }
            #(#calls)*
        }
    }
}
