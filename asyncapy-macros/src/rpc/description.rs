use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{LitStr, Type};

use super::function::{Function, Shape};
use super::options::Place;
use super::returns::Value;
use crate::span::at_name;
use crate::types::as_text;

/// The constant that says what is known of a function.
pub(crate) fn write(function: &Function, private: &TokenStream) -> TokenStream {
    let options = &function.options;
    let name = options.name.as_ref().map_or_else(|| function.name.unraw().to_string(), LitStr::value);
    let group = options.group.as_ref().map(LitStr::value).unwrap_or_default();
    let ident = &function.name;
    let (file, line, column) = (at_name(ident, "file"), at_name(ident, "line"), at_name(ident, "column"));
    let doc = &function.doc;
    let timeout = match options.timeout {
        Some(millis) => quote!(::core::option::Option::Some(::core::time::Duration::from_millis(#millis))),
        None => quote!(::core::option::Option::None),
    };
    let idempotent = options.idempotent;
    let places = match &options.private {
        Some(places) => places_of(places, private),
        None => quote!(::core::option::Option::None),
    };
    let shape = match function.shape() {
        Shape::Unary => quote!(Unary),
        Shape::ServerStream => quote!(ServerStream),
        Shape::ClientStream => quote!(ClientStream),
        Shape::Duplex => quote!(Duplex),
    };
    let parameters = function.sent().map(|(field, argument, _)| {
        let (name, ty, required) = (&field.name, as_text(&argument.ty), argument.is_required());
        quote!(#private::Parameter::new(#name, #ty, #required))
    });
    let (result, error, takes, gives) = types(function);
    quote! {
        #private::Function {
            name: #name,
            group: #group,
            module: ::core::module_path!(),
            file: #file,
            line: #line,
            column: #column,
            doc: #doc,
            timeout: #timeout,
            idempotent: #idempotent,
            private: #places,
            shape: #private::Shape::#shape,
            parameters: &[#(#parameters),*],
            returns: #private::Returns::new(#result, #error, #takes, #gives),
        }
    }
}

fn places_of(places: &[Place], private: &TokenStream) -> TokenStream {
    let places = places.iter().map(|place| match place {
        Place::Loopback => quote!(#private::Place::Loopback),
        Place::Unix => quote!(#private::Place::Unix),
        Place::Identity(name) => quote!(#private::Place::Identity(#name)),
        Place::Check(path) => quote!(#private::Place::Check(#path)),
    });
    quote! {{
        const PLACES: &[#private::Place] = &[#(#places),*];
        ::core::option::Option::Some(PLACES)
    }}
}

/// The types of the result, the error, the items taken and the items given, as they are written.
fn types(function: &Function) -> (String, String, String, String) {
    let text = |ty: Option<&Type>| ty.map(as_text).unwrap_or_default();
    let error = function.returns.error.ty().or(function.returns.item_error());
    let (takes, sends) = function.channel().map_or((None, None), |(takes, gives)| (Some(takes), gives));
    let (result, gives) = match &function.returns.value {
        Value::One(result) => (Some(&**result), sends),
        Value::Items(items) => (None, items.item.as_ref().or(Some(&items.stream))),
    };
    (text(result), text(error), text(takes), text(gives))
}
