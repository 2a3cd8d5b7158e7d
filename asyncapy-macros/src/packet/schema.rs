use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, Lit, Meta};

use super::Model;

/// The impl of `PacketSchema`: the type's own `JsonSchema` where it has one, else an object made of the fields'.
pub(super) fn item(model: &Model<'_>, generics: &syn::Generics) -> TokenStream {
    let krate = &model.container.krate;
    let name = &model.input.ident;
    let (impl_generics, own, where_clause) = generics.split_for_impl();
    let title = name.to_string();
    let text = description(&model.input.attrs);
    let deny = model.container.deny_unknown;
    let fields =
        model.fields.iter().filter(|field| !field.skip_reading && !field.flatten && !model.container.opaque);
    let properties = fields.map(|field| {
        let (probe, text) = (model.probe(field), description(field.attrs));
        // Behind `deserialize_with` the packet may hold anything.
        let schema = match &field.read_with {
            Some(_) => quote!(#krate::__private::any_schema()),
            None => quote!(#probe::schema(generator)),
        };
        quote!({
            let schema = #schema;
            object.property(schema, #text);
        })
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::__private::PacketSchema for #name #own #where_clause {
            fn packet_schema(
                generator: &mut #krate::__private::schemars::SchemaGenerator,
            ) -> #krate::__private::schemars::Schema {
                #[allow(unused_imports, reason = "none may be needed, it depends on the types of the fields")]
                use #krate::__private::{Schemaless as _};
                if let ::core::option::Option::Some(schema) = <#krate::__private::Probe<Self>>::own_schema(generator) {
                    return schema;
                }
                #[allow(unused_mut, reason = "a packet may have no fields")]
                let mut object = #krate::__private::ObjectSchema::new(
                    #title,
                    #text,
                    #deny,
                    <Self as #krate::__private::TypedPacket>::FIELDS,
                );
                #(#properties)*
                object.finish()
            }
        }
    }
}

/// The doc comment, its lines without their indent.
fn description(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
