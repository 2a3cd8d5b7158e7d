use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::attr::{Fallback, Field};
use super::{Model, place};

/// The body of `decode_packet`. Packets mostly hold their fields in the order of the declaration: those are read one
/// after the other, each name compared with the one that is due. What is left is looked for among all names.
pub(super) fn body(model: &Model<'_>) -> TokenStream {
    let krate = &model.container.krate;
    let read: Vec<_> = model.fields.iter().filter(|field| !field.skip_reading).collect();
    let names = read
        .iter()
        .enumerate()
        .flat_map(|(slot, field)| field.read_names().map(move |name| quote!((#name, #slot))));
    let slots = read.iter().enumerate().map(|(slot, field)| {
        let (variable, ty) = (variable(slot), field.ty);
        quote!(let mut #variable: ::core::option::Option<#ty> = ::core::option::Option::None;)
    });
    let due = read.iter().enumerate().map(|(slot, field)| {
        let (variable, name, reader) = (variable(slot), &field.read_name, reader(model, field));
        quote_spanned! {place(&field.ty)=>
            if #krate::__private::is_next(view, position, #name) {
                #variable = ::core::option::Option::Some(#krate::__private::read_next(view, &mut position, #name, #reader)?);
            }
        }
    });
    let arms = read.iter().enumerate().map(|(slot, field)| {
        let (variable, name, reader) = (variable(slot), &field.read_name, reader(model, field));
        quote_spanned! {place(&field.ty)=>
            #slot => #krate::__private::fill(&mut #variable, view, position, #name, #reader)?,
        }
    });
    let otherwise = if model.container.deny_unknown {
        quote!(_ => return ::core::result::Result::Err(#krate::__private::unknown_field(view, position)),)
    } else {
        quote!(_ => {})
    };
    let default = match &model.container.default {
        Fallback::Nothing => None,
        Fallback::Trait => Some(quote!(let default = <Self as ::core::default::Default>::default();)),
        Fallback::Path(path) => Some(quote_spanned!(place(&path)=> let default: Self = #path();)),
    };

    let mut taken = 0..;
    let values = model.fields.iter().map(|field| {
        let ident = field.ident;
        let fallback = model.fallback(field);
        let value = if field.skip_reading {
            fallback.unwrap_or_default()
        } else {
            let variable = variable(taken.next().unwrap_or_default());
            let fallback = fallback.unwrap_or_else(|| absent(model, field));
            quote! {
                match #variable {
                    ::core::option::Option::Some(value) => value,
                    ::core::option::Option::None => #fallback,
                }
            }
        };
        quote!(#ident: #value)
    });
    let by_serde = model.by_serde();
    let count = read.iter().map(|field| field.read_names().count()).sum::<usize>();
    quote! {
        #by_serde
        const NAMES: [(&::core::primitive::str, ::core::primitive::usize); #count] = [#(#names),*];
        #(#slots)*
        let mut position: ::core::primitive::usize = 0;
        #(#due)*
        let mut expected: ::core::primitive::usize = 0;
        while position < view.len() {
            match #krate::__private::find(view, position, &NAMES, &mut expected) {
                #(#arms)*
                #otherwise
            }
            position += 1;
        }
        #default
        ::core::result::Result::Ok(Self { #(#values),* })
    }
}

/// The variable that holds a field until all are read. Mixed-site, so that it meets no name of the user's.
fn variable(slot: usize) -> syn::Ident {
    format_ident!("slot{slot}", span = Span::mixed_site())
}

/// A function from a value to the field.
fn reader(model: &Model<'_>, field: &Field<'_>) -> TokenStream {
    let (krate, ty) = (&model.container.krate, field.ty);
    let Some(path) = &field.read_with else {
        let probe = model.probe(field);
        return quote_spanned!(place(&ty)=> |value| #probe::read(value));
    };
    let call = quote_spanned!(place(&path)=> #path(deserializer));
    quote! {{
        struct With(#ty);
        impl<'de> #krate::__private::serde::Deserialize<'de> for With {
            fn deserialize<D: #krate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                #call.map(With)
            }
        }
        |value| #krate::__private::read_by_serde::<With>(value).map(|With(value)| value)
    }}
}

/// What happens when a field that has no default is not in the packet.
fn absent(model: &Model<'_>, field: &Field<'_>) -> TokenStream {
    let (krate, ty, name) = (&model.container.krate, field.ty, &field.read_name);
    if field.read_with.is_some() {
        return quote!(return ::core::result::Result::Err(#krate::__private::missing_field(#name)));
    }
    let probe = model.probe(field);
    quote_spanned! {place(&ty)=>
        match #probe::absent() {
            ::core::option::Option::Some(value) => value,
            ::core::option::Option::None => return ::core::result::Result::Err(#krate::__private::missing_field(#name)),
        }
    }
}
