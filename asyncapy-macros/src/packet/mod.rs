//! `#[derive(Packet)]`: a decoder that reads the indexed fields of a packet itself, a writer to match, and the table
//! of the fields.
//!
//! - [`attr`]: what the attributes say; [`case`]: serde's `rename_all`.
//! - [`table`]: the field table, and the shape against which filters are checked.
//! - [`decode`] and [`encode`]: the two ways, field by field.
//! - [`schema`]: the JSON Schema (feature `spec`).
//!
//! What they cannot do exactly as serde does goes by serde, for the whole type: see [`Model::by_serde`].

pub(crate) mod attr;
mod case;
mod decode;
mod encode;
mod schema;
mod table;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, GenericParam, Type, parse_quote};

use attr::{Container, Fallback, Field, Mistakes, Tagging};

/// A type on its way to be a packet.
struct Model<'a> {
    input: &'a DeriveInput,
    container: Container,
    fields: Vec<Field<'a>>,
    /// The whole type is read and written by its serde impls.
    by_serde: bool,
}

/// Implements `TypedPacket` and `EncodePacket`.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let container = Container::parse(&input.attrs, &mut mistakes);
    check_generics(input, &mut mistakes);
    let fields = fields(input, &container, &mut mistakes);
    mistakes.check()?;

    let generic = !input.generics.params.is_empty();
    let is_enum = matches!(input.data, Data::Enum(_));
    let by_serde = container.by_serde || is_enum || generic || fields.iter().any(only_serde);
    let model = Model { input, container, fields, by_serde };

    let krate = &model.container.krate;
    let name = &input.ident;
    let mut generics = input.generics.clone();
    if generic {
        // What the impls call must hold for the type as a whole; serde's own impls say when it does.
        let (_, own, _) = input.generics.split_for_impl();
        let bounds: [syn::WherePredicate; 2] = [
            parse_quote!(#name #own: #krate::__private::serde::Serialize),
            parse_quote!(#name #own: #krate::__private::serde::de::DeserializeOwned),
        ];
        generics.make_where_clause().predicates.extend(bounds);
    }
    let (impl_generics, own, where_clause) = generics.split_for_impl();

    let table = table::fields(&model);
    let complete = model.container.complete && !is_enum && !model.fields.iter().any(|field| field.flatten);
    let shape = complete.then(|| table::shape(&model));
    let (decode, encode) = if model.by_serde {
        let span = place(&name);
        (
            quote_spanned!(span=> #krate::__private::decode_by_serde::<Self>(view)),
            quote_spanned!(span=> #krate::__private::encode_by_serde::<Self>(self, encoding, out)),
        )
    } else {
        (decode::body(&model), encode::body(&model))
    };
    let shape_name = table::shape_name(&model);
    let shape_type = if complete { quote!(__packet_shape::#shape_name) } else { quote!(__Filter) };
    let schema = cfg!(feature = "spec").then(|| schema::item(&model, &generics));

    Ok(quote! {
        const _: () = {
            #shape

            #[automatically_derived]
            impl #impl_generics #krate::__private::EncodePacket for #name #own #where_clause {
                #[inline]
                fn encode_packet(
                    &self,
                    encoding: #krate::__private::Encoding,
                    out: &mut #krate::__private::BytesMut,
                ) -> ::core::result::Result<(), #krate::__private::EncodeError> {
                    #encode
                }
            }

            #[automatically_derived]
            impl #impl_generics #krate::__private::IntoReply for #name #own #where_clause {
                fn into_reply(self, reply: &mut #krate::__private::Reply<'_>) -> #krate::__private::Flow {
                    reply.packet(&self)
                }
            }

            #[automatically_derived]
            impl #impl_generics #krate::__private::TypedPacket for #name #own #where_clause {
                const FIELDS: &'static [#krate::__private::Field] = #table;
                const COMPLETE: bool = #complete;
                type Shape<__Filter> = #shape_type;

                #[inline]
                fn decode_packet(
                    view: #krate::__private::View<'_>,
                ) -> ::core::result::Result<Self, #krate::__private::Rejection> {
                    #decode
                }
            }

            #schema
        };
    })
}

/// Where `tokens` stand, for the compiler's messages; names are looked up where the derive stands, whichever macro the
/// tokens come from.
pub(crate) fn place(tokens: &impl Spanned) -> Span {
    tokens.span().resolved_at(Span::call_site())
}

/// A packet outlives the bytes it was read from.
fn check_generics(input: &DeriveInput, mistakes: &mut Mistakes) {
    for parameter in &input.generics.params {
        if let GenericParam::Lifetime(lifetime) = parameter {
            mistakes.at(lifetime, "a typed packet owns its data: hold a `String` in place of a `&str`");
        }
    }
}

/// The fields of a struct, none for an enum; whatever cannot be a map is a mistake.
fn fields<'a>(input: &'a DeriveInput, container: &Container, mistakes: &mut Mistakes) -> Vec<Field<'a>> {
    let data = match &input.data {
        Data::Struct(data) => data,
        Data::Enum(data) => {
            check_enum(input, data, container, mistakes);
            return Vec::new();
        }
        Data::Union(data) => {
            mistakes.at(
                data.union_token,
                "a union cannot be a typed packet: nothing tells which of its fields holds",
            );
            return Vec::new();
        }
    };
    match &data.fields {
        Fields::Named(named) => {
            let fields: Vec<_> =
                named.named.iter().filter_map(|field| Field::parse(field, container, mistakes)).collect();
            for field in &fields {
                check_field(field, container, mistakes);
            }
            check_names(&fields, mistakes);
            fields
        }
        Fields::Unnamed(unnamed) => {
            mistakes.at(unnamed, "a typed packet is a map: give the fields names, `{ name: Type }`");
            Vec::new()
        }
        Fields::Unit => {
            let name = &input.ident;
            mistakes.at(
                name,
                format!("a typed packet is a map: write `struct {name} {{}}` for one without fields"),
            );
            Vec::new()
        }
    }
}

/// Variants that serde does not write as maps.
fn check_enum(input: &DeriveInput, data: &syn::DataEnum, container: &Container, mistakes: &mut Mistakes) {
    if data.variants.is_empty() {
        mistakes.at(&input.ident, "an enum without variants is never a packet");
    }
    if container.opaque {
        return;
    }
    for variant in &data.variants {
        match (&variant.fields, container.tagging) {
            (Fields::Unit, Tagging::External) => {
                mistakes.at(variant, "serde writes this variant as text, a packet is a map: add `#[serde(tag = \"type\")]` to the enum");
            }
            (Fields::Unit, Tagging::Untagged) => {
                mistakes.at(variant, "serde writes this variant as null, a packet is a map: give it fields");
            }
            (Fields::Unnamed(unnamed), Tagging::Untagged | Tagging::Internal)
                if unnamed.unnamed.len() != 1 =>
            {
                mistakes.at(
                    unnamed,
                    "serde writes this variant as a list, a packet is a map: give the fields names",
                );
            }
            _ => {}
        }
    }
}

/// Whether a field makes the whole type go by serde. A wrapper around `with` cannot name the `Self` outside of it.
fn only_serde(field: &Field<'_>) -> bool {
    let with = field.read_with.is_some() || field.write_with.is_some();
    field.by_serde || with && field.ty.to_token_stream().to_string().contains("Self")
}

fn check_field(field: &Field<'_>, container: &Container, mistakes: &mut Mistakes) {
    let read = !field.skip_reading && field.read_with.is_none() && !container.opaque;
    if let (true, Type::Reference(reference)) = (read, field.ty) {
        mistakes.at(reference, "a typed packet owns its data: hold a `String` in place of a `&str`");
    }
    if field.flatten && field.skip_reading && field.skip_writing {
        mistakes.at(field.ident, "a field that is skipped cannot be flattened");
    }
}

/// Two fields of one name: the second could never be read.
fn check_names(fields: &[Field<'_>], mistakes: &mut Mistakes) {
    for (position, field) in fields.iter().enumerate() {
        let earlier = &fields[..position];
        for name in field.read_names() {
            if let Some(other) = earlier.iter().find(|other| other.read_names().any(|taken| taken == name)) {
                let message = format!("the field `{}` is read from {name:?} already", other.ident);
                mistakes.at(field.ident, message);
            }
        }
        let written = |field: &Field<'_>| !field.skip_writing && !field.flatten;
        let twice = |other: &&Field<'_>| written(other) && other.write_name == field.write_name;
        if let Some(other) = earlier.iter().find(twice).filter(|_| written(field)) {
            let message = format!("the field `{}` is written as {:?} already", other.ident, field.write_name);
            mistakes.at(field.ident, message);
        }
    }
}

impl Model<'_> {
    /// `Probe::<T>` of a field, in whose place the compiler complains if the type can be neither read nor written.
    fn probe(&self, field: &Field<'_>) -> TokenStream {
        let (krate, ty) = (&self.container.krate, field.ty);
        quote_spanned!(place(&ty)=> <#krate::__private::Probe<#ty>>)
    }

    /// Brings the ways that types without a direct one go into scope.
    fn by_serde(&self) -> TokenStream {
        let krate = &self.container.krate;
        quote! {
            #[allow(unused_imports, reason = "none may be needed, it depends on the types of the fields")]
            use #krate::__private::{BySerde as _, Plain as _};
        }
    }

    /// What stands in for `field`, which is not in the packet; nothing if it is required.
    fn fallback(&self, field: &Field<'_>) -> Option<TokenStream> {
        let (ident, ty) = (field.ident, field.ty);
        match (&field.default, &self.container.default) {
            (Fallback::Path(path), _) => Some(quote_spanned!(place(&path)=> #path())),
            (Fallback::Nothing, Fallback::Trait | Fallback::Path(_)) => Some(quote!(default.#ident)),
            (Fallback::Nothing, Fallback::Nothing) if !field.skip_reading => None,
            _ => Some(quote_spanned!(place(&ty)=> <#ty as ::core::default::Default>::default())),
        }
    }
}
