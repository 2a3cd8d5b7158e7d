use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, Type};

use super::argument::Argument;
use super::arguments::Arguments;
use super::fields::{FieldName, Fields, FilterField};
use super::function::Function;
use super::pattern::Starts;
use crate::extraction::extract;
use crate::mistakes::Mistakes;
use crate::span::spanned_like;
use crate::types::last_segment;

/// What the macro itself can tell of the fields that the filter lets in and those that the arguments take.
pub(crate) fn needed_fields(arguments: &Arguments, function: &Function, mistakes: &mut Mistakes) {
    let Some(filter) = &arguments.fields else { return };
    for argument in &function.arguments {
        if let Some(field) =
            argument.required_field().filter(|field| !filter.open && filter.get(&field.name).is_none())
        {
            let name = &field.name;
            let message = format!(
                "this handler can never run: it needs the field `{name}`, and `fields(..)` lets in only packets \
                 without it; add `{name}`, or `..` to allow other fields"
            );
            mistakes.at(field.span, message);
        }
        let Some(field) = &argument.field else { continue };
        let Some((kind, starts)) = number_or_bool(&argument.ty) else { continue };
        let Some(filtered) = filter.get(&field.name) else { continue };
        if let (Some(pattern), Some(possible)) = (&filtered.pattern, filtered.starts)
            && !possible.meets(starts)
        {
            let message =
                format!("the field `{}` is {kind}, and none begins as this pattern does", field.name);
            mistakes.at(pattern.span(), format!("this handler can never run: {message}"));
        }
    }
}

/// What a type's text begins with, where its name alone says so.
fn number_or_bool(ty: &Type) -> Option<(&'static str, Starts)> {
    match last_segment(ty)?.ident.to_string().as_str() {
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
            Some(("an integer", Starts::NUMBER))
        }
        "f32" | "f64" => Some(("a number", Starts::NUMBER)),
        "bool" => Some(("a boolean", Starts::BOOL)),
        _ => None,
    }
}

/// The checks that only the compiler can make, each under the token it concerns.
pub(crate) fn write(arguments: &Arguments, function: &Function) -> TokenStream {
    let library = &arguments.library;
    let private = quote!(#library::__private);
    let cfgs = &function.cfgs;
    let bodies = one_body(function, &private);
    let typed = arguments.fields.iter().flat_map(|filter| {
        let typed = function.arguments.iter().filter_map(Argument::typed);
        typed.map(|packet| typed_fields(filter, packet, function, &private)).collect::<Vec<_>>()
    });
    let checks: TokenStream = bodies.chain(typed).collect();
    match checks.is_empty() {
        true => checks,
        false => quote!(#(#cfgs)* const _: () = { #checks };),
    }
}

/// Only one argument can take the packet's whole body.
fn one_body<'a>(function: &'a Function, private: &'a TokenStream) -> impl Iterator<Item = TokenStream> + 'a {
    let extractors = || function.arguments.iter().filter(|argument| argument.field.is_none());
    extractors().enumerate().skip(1).map(move |(at, argument)| {
        let before = extractors().take(at).map(|before| extract(&before.ty, private));
        let this = extract(&argument.ty, private);
        let check = quote! {
            !(#this::BODY && (#(#before::BODY)||*)),
            "another argument already takes the packet's whole body; only one can"
        };
        let assert = spanned_like(quote!(::core::assert!(#check)), &argument.ty);
        quote!(const _: () = #assert;)
    })
}

/// The fields of the filter against those of the packet's type.
fn typed_fields(filter: &Fields, packet: &Type, function: &Function, private: &TokenStream) -> TokenStream {
    let table = quote!(<#private::checks::Table<#packet>>);
    let known = quote!(#table::FIELDS);
    let taken = |field: &&FilterField| {
        let name = field.name.text();
        !function
            .arguments
            .iter()
            .filter_map(|argument| argument.field.as_ref())
            .any(|taken| taken.name == name)
    };
    let fields: Vec<_> = filter.fields.iter().filter(taken).collect();
    let idents = fields.iter().filter_map(|field| match &field.name {
        FieldName::Ident(ident) => Some(ident),
        FieldName::Literal(_) => None,
    });
    // Where the type does not know all of its fields, its shape is that of the filter, and no name is wrong.
    let shape = shape(idents.collect(), &table);
    let fields = fields.iter().map(|field| {
        let name = field.name.text();
        let exists = match &field.name {
            FieldName::Ident(_) => TokenStream::new(),
            FieldName::Literal(literal) => finding(
                quote!(#private::checks::unknown(#known, #table::COMPLETE, #name)),
                literal.span(),
                private,
            ),
        };
        let starts = field.pattern.as_ref().zip(field.starts);
        // Nothing to check where any kind of value can match.
        let starts =
            starts.filter(|(_, starts)| !starts.meets(Starts::NUMBER) || !starts.meets(Starts::BOOL));
        let matches = starts.map(|(pattern, Starts(starts))| {
            finding(quote!(#private::checks::no_match(#known, #name, #starts)), pattern.span(), private)
        });
        quote!(#exists #matches)
    });
    let complete = (!filter.open).then(|| {
        let names = filter.fields.iter().map(|field| field.name.text());
        finding(quote!(#private::checks::left_out(#known, &[#(#names),*])), filter.span, private)
    });
    quote! {
        const _: () = {
            // Without a table of its own the type has one without lines; that it is no packet is told elsewhere.
            #[allow(unused_imports, reason = "a typed packet has a table")]
            use #private::checks::NoTable as _;
            #shape
            #(#fields)*
            #complete
        };
    }
}

/// Reads each name as a field of the packet type's shape, so that the compiler itself names a similar one.
///
/// A type that does not tell all of its fields has no shape of its own; it gives back the filter's, which has every
/// name.
fn shape(names: Vec<&Ident>, table: &TokenStream) -> TokenStream {
    if names.is_empty() {
        return TokenStream::new();
    }
    quote_spanned! {Span::mixed_site()=>
        #[allow(dead_code, non_snake_case, reason = "only the compiler reads it")]
        struct __Filter {
            #(#names: (),)*
        }
        const _: fn() = || {
            let __shape = #table::shape::<__Filter>();
            #(let _ = &__shape.#names;)*
        };
    }
}

/// A check whose finding, if there is one, is an error at `span`.
fn finding(check: TokenStream, span: Span, private: &TokenStream) -> TokenStream {
    let found = Ident::new("FOUND", Span::mixed_site());
    let panic = quote_spanned!(span=> ::core::panic!("{}", #found.text()));
    quote! {
        const _: () = {
            const #found: #private::checks::Finding = #check;
            if #found.found() {
                #panic
            }
        };
    }
}
