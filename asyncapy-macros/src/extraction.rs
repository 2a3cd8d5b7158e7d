//! Taking an argument out of a request, so that the compiler complains at the argument's type where it cannot be.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

use crate::span::{end_of, spanned_like};

/// `<Type as Extract>`, so that a type that is no extractor is told at the type.
pub(crate) fn extract(ty: &Type, private: &TokenStream) -> TokenStream {
    let extract = spanned_like(quote!(#private::Extract), ty);
    quote!(<#ty as #extract>)
}

/// `<Probe<Type>>::what`, how a value of the type is read, or what it has for one that is not there.
pub(crate) fn reader(ty: &Type, what: &str, private: &TokenStream) -> TokenStream {
    // The whole path stands where the type does: there the compiler says that the type cannot be read.
    let (open, close) = (spanned_like(quote!(<), ty), quote_spanned!(end_of(ty)=> >>));
    let probe = spanned_like(quote!(#private::Probe<), ty);
    let what = Ident::new(what, end_of(ty));
    let colons = quote_spanned!(end_of(ty)=> ::);
    quote!(#open #probe #ty #close #colons #what)
}
