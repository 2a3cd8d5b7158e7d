use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use super::Model;
use super::attr::Fallback;

/// The name of the shape: the type's, with `Fields` behind; the compiler names it when a filter names no field of it.
pub(super) fn shape_name(model: &Model<'_>) -> Ident {
    format_ident!("{}Fields", model.input.ident, span = proc_macro2::Span::call_site())
}

/// A struct whose fields are named as the packet's are. It is in a module of its own, where its name hides no type
/// that a field may have.
pub(super) fn shape(model: &Model<'_>) -> TokenStream {
    let name = shape_name(model);
    let fields = model.fields.iter().filter(|_| !model.container.opaque);
    let names = fields.flat_map(|field| field.read_names()).filter_map(|name| identifier(name));
    quote! {
        #[doc(hidden)]
        #[allow(dead_code, missing_docs, missing_debug_implementations, non_snake_case, unreachable_pub,
            reason = "only the compiler's check of filters reads it")]
        mod __packet_shape {
            pub struct #name { #(pub #names: (),)* }
        }
    }
}

/// The name as an identifier, where it is one.
fn identifier(name: &str) -> Option<Ident> {
    syn::parse_str::<Ident>(name).ok().or_else(|| syn::parse_str(&format!("r#{name}")).ok())
}

/// The field table: the names under which fields are read.
pub(super) fn fields(model: &Model<'_>) -> TokenStream {
    let krate = &model.container.krate;
    let listed =
        model.fields.iter().filter(|field| !field.skip_reading && !field.flatten && !model.container.opaque);
    let entries = listed.map(|field| {
        let (name, probe) = (&field.read_name, model.probe(field));
        let aliases = field.read_names().skip(1);
        // Behind `deserialize_with` the packet may hold anything.
        let kind = match &field.read_with {
            Some(_) => quote!(#krate::__private::FieldKind::Any),
            None => quote!(#probe::KIND),
        };
        let has_default =
            !matches!((&field.default, &model.container.default), (Fallback::Nothing, Fallback::Nothing));
        let required = match &field.read_with {
            _ if has_default => quote!(false),
            Some(_) => quote!(true),
            None => quote!(!#probe::OPTIONAL),
        };
        quote!(#krate::__private::Field::new(#name, &[#(#aliases),*], #kind, #required, #probe::OPTIONAL))
    });
    let by_serde = model.by_serde();
    quote! {{
        #by_serde
        &[#(#entries),*]
    }}
}
