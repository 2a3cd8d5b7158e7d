use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::attr::Field;
use super::{Model, place};

/// The body of `encode_packet`: the keys are made here, once, in both encodings.
pub(super) fn body(model: &Model<'_>) -> TokenStream {
    let krate = &model.container.krate;
    let written: Vec<_> = model.fields.iter().filter(|field| !field.skip_writing).collect();
    let conditions = written.iter().enumerate().filter_map(|(slot, field)| {
        let (condition, path, ident) = (condition(slot), field.skip_writing_if.as_ref()?, field.ident);
        Some(quote_spanned!(place(&path)=> let #condition: ::core::primitive::bool = !#path(&self.#ident);))
    });
    let by_serde = model.by_serde();
    let json = written.iter().enumerate().map(|(slot, field)| {
        let key = Literal::byte_string(&json_key(&field.write_name));
        let write = value(model, field, "json");
        when(slot, field, quote!(out.extend_from_slice(#key); #write?;))
    });
    let ziproto = written.iter().enumerate().map(|(slot, field)| {
        let key = Literal::byte_string(&ziproto_key(&field.write_name));
        let write = value(model, field, "ziproto");
        when(slot, field, quote!(out.extend_from_slice(#key); #write?;))
    });
    let always = written.iter().filter(|field| field.skip_writing_if.is_none()).count();
    let sometimes = written.iter().enumerate().filter(|(_, field)| field.skip_writing_if.is_some());
    let sometimes = sometimes.map(|(slot, _)| {
        let condition = condition(slot);
        quote!(+ #condition as ::core::primitive::usize)
    });
    // Room for the keys and a scalar each; what is longer makes its own.
    let room = written.iter().map(|field| field.write_name.len() + 16).sum::<usize>() + 8;
    quote! {
        #by_serde
        #(#conditions)*
        out.reserve(#room);
        #krate::__private::write_whole(out, |out| {
            match encoding {
                #krate::__private::Encoding::Json => {
                    let start = out.len();
                    #(#json)*
                    #krate::__private::close_json(start, out);
                }
                #krate::__private::Encoding::ZiProto => {
                    #krate::__private::open_ziproto(#always #(#sometimes)*, out);
                    #(#ziproto)*
                }
            }
            ::core::result::Result::Ok(())
        })
    }
}

/// The variable that says whether a field is written this time.
fn condition(slot: usize) -> syn::Ident {
    format_ident!("write{slot}", span = Span::mixed_site())
}

fn when(slot: usize, field: &Field<'_>, write: TokenStream) -> TokenStream {
    if field.skip_writing_if.is_none() {
        return write;
    }
    let condition = condition(slot);
    quote!(if #condition { #write })
}

/// The call that appends a field's value.
fn value(model: &Model<'_>, field: &Field<'_>, encoding: &str) -> TokenStream {
    let (krate, ident, ty) = (&model.container.krate, field.ident, field.ty);
    let Some(path) = &field.write_with else {
        let (probe, write) = (model.probe(field), format_ident!("write_{encoding}"));
        return quote_spanned!(place(&ty)=> #probe::#write(&self.#ident, out));
    };
    let call = quote_spanned!(place(&path)=> #path(self.0, serializer));
    quote! {{
        struct With<'a>(&'a #ty);
        impl #krate::__private::serde::Serialize for With<'_> {
            fn serialize<S: #krate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                #call
            }
        }
        #krate::__private::encode(&With(&self.#ident), encoding, out)
    }}
}

/// `,"name":`; the first comma of a map becomes its brace when the map is closed.
fn json_key(name: &str) -> Vec<u8> {
    let mut key = String::with_capacity(name.len() + 4);
    key.push_str(",\"");
    for letter in name.chars() {
        match letter {
            '"' => key.push_str("\\\""),
            '\\' => key.push_str("\\\\"),
            '\n' => key.push_str("\\n"),
            '\r' => key.push_str("\\r"),
            '\t' => key.push_str("\\t"),
            '\u{8}' => key.push_str("\\b"),
            '\u{c}' => key.push_str("\\f"),
            control if control < ' ' => key.push_str(&format!("\\u{:04x}", u32::from(control))),
            letter => key.push(letter),
        }
    }
    key.push_str("\":");
    key.into_bytes()
}

/// The name as a ZiProto string, in the shortest form.
fn ziproto_key(name: &str) -> Vec<u8> {
    let length = name.len();
    let mut key = match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < 32 => vec![0xa0 | length],
        (Ok(length), _) => vec![0xd9, length],
        (_, Ok(length)) => [&[0xda], &length.to_be_bytes()[..]].concat(),
        _ => [&[0xdb], &(length as u32).to_be_bytes()[..]].concat(),
    };
    key.extend_from_slice(name.as_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_and_counted() {
        assert_eq!(json_key("a\"\\\n\u{1}"), br#","a\"\\\n\u0001":"#);
        assert_eq!(ziproto_key("pin"), b"\xa3pin");
        assert_eq!(ziproto_key(&"x".repeat(32))[..3], *b"\xd9\x20x");
        assert_eq!(ziproto_key(&"x".repeat(256))[..4], *b"\xda\x01\x00x");
    }
}
