//! `#[derive(Failure)]`: a code, and perhaps a message, a field and a cause, for each variant.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr, Member, Path, parse_quote};

use crate::packet::attr::{Mistakes, crate_path, unknown};
use crate::packet::place;
use crate::suggest;

/// What `#[failure(..)]` says on a variant or a struct.
#[derive(Default)]
struct Said {
    code: Option<LitStr>,
    message: Option<LitStr>,
    field: Option<LitStr>,
    transparent: Option<Path>,
    krate: Option<Path>,
}

/// A variant, or the struct, as it answers the four questions of the trait.
struct Answers {
    code: TokenStream,
    message: TokenStream,
    field: TokenStream,
    cause: TokenStream,
}

/// Implements `Failure`.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let is_struct = matches!(input.data, Data::Struct(_));
    let on_type = Said::parse(&input.attrs, is_struct, true, &mut mistakes);
    let krate = on_type.krate.clone().unwrap_or_else(|| parse_quote!(::asyncapy));

    let answers: Vec<_> = match &input.data {
        Data::Struct(data) => {
            vec![answers(&krate, &input.ident, quote!(Self), &data.fields, &on_type, &mut mistakes)]
        }
        Data::Enum(data) => {
            let variants = data.variants.iter().map(|variant| {
                let said = Said::parse(&variant.attrs, true, false, &mut mistakes);
                let name = &variant.ident;
                answers(&krate, name, quote!(Self::#name), &variant.fields, &said, &mut mistakes)
            });
            variants.collect()
        }
        Data::Union(data) => {
            mistakes
                .at(data.union_token, "a union cannot be a failure: nothing tells which of its fields holds");
            Vec::new()
        }
    };
    mistakes.check()?;

    let name = &input.ident;
    let (impl_generics, own, where_clause) = input.generics.split_for_impl();
    let codes = answers.iter().map(|answers| &answers.code);
    let messages = answers.iter().map(|answers| &answers.message);
    let fields = answers.iter().map(|answers| &answers.field);
    let causes = answers.iter().map(|answers| &answers.cause);
    // An enum without variants is matched by value.
    let subject = if answers.is_empty() { quote!(*self) } else { quote!(self) };
    let text = quote!(::core::option::Option<#krate::__private::Cow<'_, ::core::primitive::str>>);
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Failure for #name #own #where_clause {
            fn code(&self) -> #krate::Code {
                match #subject { #(#codes)* }
            }
            fn message(&self) -> #text {
                match #subject { #(#messages)* }
            }
            fn field(&self) -> #text {
                match #subject { #(#fields)* }
            }
            fn cause(&self) -> ::core::option::Option<#krate::__private::String> {
                match #subject { #(#causes)* }
            }
        }
    })
}

impl Said {
    /// Reads the attributes of the type or a variant; `answers`: whether it stands for a failure itself.
    fn parse(attrs: &[Attribute], answers: bool, on_type: bool, mistakes: &mut Mistakes) -> Self {
        let mut allowed = if answers { vec!["code", "message", "field", "transparent"] } else { Vec::new() };
        allowed.extend(on_type.then_some("crate"));
        let mut said = Said::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("failure")) {
            let parsed = attr.parse_nested_meta(|meta| said.argument(&meta, &allowed));
            parsed.unwrap_or_else(|error| mistakes.add(error));
        }
        said.check(mistakes);
        said
    }

    fn argument(&mut self, meta: &ParseNestedMeta<'_>, allowed: &[&str]) -> syn::Result<()> {
        let word = meta.path.to_token_stream().to_string();
        if !allowed.contains(&word.as_str()) {
            let elsewhere = ["code", "message", "field", "transparent"].contains(&word.as_str());
            return Err(if elsewhere {
                meta.error(format!("`{word}` stands on each variant of an enum"))
            } else {
                unknown(meta, allowed)
            });
        }
        let slot = match word.as_str() {
            "code" => &mut self.code,
            "message" => &mut self.message,
            "field" => &mut self.field,
            "crate" => {
                self.krate = Some(crate_path(meta)?);
                return Ok(());
            }
            _ => {
                self.transparent = Some(meta.path.clone());
                return Ok(());
            }
        };
        let value = meta.value()?.parse()?;
        match slot.replace(value) {
            Some(_) => Err(meta.error(format!("`{word}` is given twice"))),
            None => Ok(()),
        }
    }

    fn check(&self, mistakes: &mut Mistakes) {
        if let Some(code) = &self.code
            && !is_code(&code.value())
        {
            let message = "a code is `ERR_` and capital letters, digits or underscores behind it, such as `ERR_BAD_PIN`";
            mistakes.at(code, message);
        }
        for (given, word) in [(&self.code, "code"), (&self.message, "message"), (&self.field, "field")] {
            if let (Some(given), Some(_)) = (given, &self.transparent) {
                mistakes.at(given, format!("a transparent failure has the `{word}` of the one it holds"));
            }
        }
    }
}

/// Whether `code` is `ERR_[A-Z0-9_]+`.
fn is_code(code: &str) -> bool {
    let rest = code.strip_prefix("ERR_").unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

/// `ERR_` and the name in capitals, its words parted by underscores: `BadPin`, `HTTPError2` to `BAD_PIN`, `HTTP_ERROR2`.
fn default_code(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut code = String::from("ERR_");
    for (position, letter) in letters.iter().enumerate() {
        let before = position.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(position + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
            });
        if begins {
            code.push('_');
        }
        code.push(letter.to_ascii_uppercase());
    }
    code
}

fn answers(
    krate: &Path,
    name: &Ident,
    path: TokenStream,
    fields: &Fields,
    said: &Said,
    mistakes: &mut Mistakes,
) -> Answers {
    let cause = cause(fields, mistakes);
    let none = quote!(#path { .. } => ::core::option::Option::None,);
    if let Some(word) = &said.transparent {
        if fields.len() != 1 {
            mistakes.at(word, "a transparent failure holds one other: it has one field");
        }
        let member = fields.members().next().unwrap_or_else(|| parse_quote!(0));
        let span = fields.iter().next().map_or(Span::call_site(), |field| place(&field.ty));
        let delegate = |method: &str| {
            let method = Ident::new(method, Span::call_site());
            quote_spanned!(span=> #path { #member: inner, .. } => #krate::Failure::#method(inner),)
        };
        return Answers {
            code: delegate("code"),
            message: delegate("message"),
            field: delegate("field"),
            cause: delegate("cause"),
        };
    }

    let code = match &said.code {
        Some(code) => code.value(),
        None => {
            let code = default_code(&name.unraw().to_string());
            if !is_code(&code) {
                mistakes.at(name, "no code can be made of this name: say `#[failure(code = \"ERR_..\")]`");
            }
            code
        }
    };
    let message = said.message.as_ref().map(|text| message(krate, &path, fields, text, mistakes));
    let field = said.field.as_ref().map(|field| {
        quote!(#path { .. } => ::core::option::Option::Some(#krate::__private::Cow::Borrowed(#field)),)
    });
    let cause = cause.map(|(member, span)| {
        let text = quote_spanned!(span=> #krate::__private::ToString::to_string(cause));
        quote!(#path { #member: cause, .. } => ::core::option::Option::Some(#text),)
    });
    Answers {
        code: quote!(#path { .. } => #krate::__private::code(#code),),
        message: message.unwrap_or_else(|| none.clone()),
        field: field.unwrap_or_else(|| none.clone()),
        cause: cause.unwrap_or(none),
    }
}

/// The field marked `#[failure(cause)]`, and where its type stands.
fn cause(fields: &Fields, mistakes: &mut Mistakes) -> Option<(Member, Span)> {
    let mut found = None;
    for (field, member) in fields.iter().zip(fields.members()) {
        for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("failure")) {
            let parsed = attr.parse_nested_meta(|meta| match &found {
                _ if !meta.path.is_ident("cause") => Err(unknown(&meta, &["cause"])),
                Some(_) => Err(meta.error("a failure has one cause")),
                None => {
                    found = Some((member.clone(), place(&field.ty)));
                    Ok(())
                }
            });
            parsed.unwrap_or_else(|error| mistakes.add(error));
        }
    }
    found
}

/// The arm that makes the message: borrowed, or formatted where it names fields.
fn message(
    krate: &Path,
    path: &TokenStream,
    fields: &Fields,
    text: &LitStr,
    mistakes: &mut Mistakes,
) -> TokenStream {
    let value = text.value();
    if !value.contains(['{', '}']) {
        return quote!(#path { .. } => ::core::option::Option::Some(#krate::__private::Cow::Borrowed(#text)),);
    }
    let members: Vec<_> = fields.members().collect();
    let (rewritten, used) = placeholders(&value);
    let mut bindings = Vec::new();
    for name in used {
        let found = members.iter().find(|member| match member {
            Member::Named(ident) => ident.unraw() == name,
            Member::Unnamed(index) => index.index.to_string() == name,
        });
        match found {
            Some(member) => {
                let variable = format_ident!("field_{name}", span = text.span());
                bindings.push(quote!(#member: #variable));
            }
            None if name.is_empty() => {
                mistakes.at(
                    text,
                    "a placeholder names a field: `{0}` or `{name}`; a brace itself is written twice",
                );
            }
            None => {
                let names = members.iter().map(|member| member.to_token_stream().to_string());
                let names: Vec<_> = names.map(|name| name.trim_start_matches("r#").to_owned()).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let hint = suggest::hint(&name, &names);
                mistakes.at(text, format!("there is no field `{name}` for this placeholder: {hint}"));
            }
        }
    }
    let rewritten = LitStr::new(&rewritten, text.span());
    quote! {
        #path { #(#bindings,)* .. } => {
            ::core::option::Option::Some(#krate::__private::Cow::Owned(#krate::__private::format!(#rewritten)))
        }
    }
}

/// The text with `field_` before the name in each placeholder, and the names, each once.
fn placeholders(text: &str) -> (String, Vec<String>) {
    let (mut rewritten, mut names) = (String::new(), Vec::new());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        rewritten.push(letter);
        if letter != '{' {
            continue;
        }
        if let Some(brace) = letters.next_if_eq(&'{') {
            rewritten.push(brace);
            continue;
        }
        let mut name = String::new();
        while let Some(letter) = letters.next_if(|letter| !matches!(letter, ':' | '}')) {
            name.push(letter);
        }
        let name = name.trim().to_owned();
        rewritten.push_str("field_");
        rewritten.push_str(&name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (rewritten, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_made_of_names() {
        let codes = ["BadPin", "HTTPError2", "X", "NoDB", "Pin2Short"].map(default_code);
        assert_eq!(codes, ["ERR_BAD_PIN", "ERR_HTTP_ERROR2", "ERR_X", "ERR_NO_DB", "ERR_PIN2_SHORT"]);
        assert!(is_code("ERR_BAD_PIN_2") && !is_code("ERR_") && !is_code("BAD_PIN") && !is_code("ERR_bad"));
    }

    #[test]
    fn placeholders_are_found() {
        let (rewritten, names) = placeholders("{0} of {{x}} and {left:>5} and {0:?}");
        assert_eq!(rewritten, "{field_0} of {{x}} and {field_left:>5} and {field_0:?}");
        assert_eq!(names, ["0", "left"]);
    }
}
