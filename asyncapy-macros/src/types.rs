//! What can be told of a type from its tokens.

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Type};

use crate::mistakes::Mistakes;
use crate::signature::Kind;

/// The last segment of a type that is a path.
pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ungroup(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// A type that a `macro_rules!` macro has put in invisible brackets, or somebody in visible ones, without them.
pub(crate) fn ungroup(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungroup(&group.elem),
        Type::Paren(paren) => ungroup(&paren.elem),
        other => other,
    }
}

/// Refuses what borrows, and `impl Trait`: an argument owns what it takes out of the packet, and its type has a name.
pub(crate) fn owned(ty: &Type, kind: &Kind, mistakes: &mut Mistakes) {
    let Kind { one, argument, .. } = kind;
    if let Type::Reference(_) = ty {
        let message = format!("{argument} owns its data: take the type itself instead of a reference");
        mistakes.under(ty, message);
        return;
    }
    match borrowed(ty.to_token_stream()) {
        Some((span, "impl")) => {
            let what = argument.split_once(' ').map_or(*argument, |(_, what)| what);
            mistakes.at(span, format!("{one} cannot be generic: name the {what} instead of `impl`"));
        }
        Some((span, _)) => {
            mistakes.at(span, format!("{argument} owns its data: {one} cannot take what borrows"));
        }
        None => {}
    }
}

/// The first `impl`, borrow or lifetime within a type, at any depth.
pub(crate) fn borrowed(tokens: TokenStream) -> Option<(Span, &'static str)> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "impl" => return Some((ident.span(), "impl")),
            TokenTree::Punct(quote) if quote.as_char() == '\'' => match tokens.next() {
                Some(TokenTree::Ident(name)) if name != "static" => return Some((name.span(), "lifetime")),
                _ => {}
            },
            TokenTree::Punct(and) if and.as_char() == '&' => {
                let is_static =
                    matches!(tokens.peek(), Some(TokenTree::Punct(quote)) if quote.as_char() == '\'');
                if !is_static {
                    return Some((and.span(), "borrow"));
                }
            }
            TokenTree::Group(group) => {
                if let Some(found) = borrowed(group.stream()) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

/// The types in the angle brackets of a type that is a path; none if there is something else among them.
pub(crate) fn generic_types(ty: &Type) -> Option<Vec<Type>> {
    let syn::PathArguments::AngleBracketed(arguments) = &last_segment(ty)?.arguments else { return None };
    let types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    types.collect()
}

/// The type as people write it: `Vec<u32>`, not `Vec < u32 >`.
pub(crate) fn as_text(ty: &impl ToTokens) -> String {
    let mut text = String::new();
    write(ty.to_token_stream(), &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    let mut word_before = false;
    let mut joint = false;
    for token in tokens {
        let is_word = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        if word_before && is_word {
            text.push(' ');
        }
        match &token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.truncate(text.trim_end().len());
                text.push_str(close);
            }
            TokenTree::Punct(punct) => {
                let character = punct.as_char();
                match character {
                    // The end of `->`.
                    '>' if joint && text.ends_with('-') => {
                        text.truncate(text.trim_end_matches('-').trim_end().len());
                        text.push_str(" -> ");
                    }
                    ',' | ';' => {
                        text.push(character);
                        text.push(' ');
                    }
                    '=' | '+' => {
                        text.push(' ');
                        text.push(character);
                        text.push(' ');
                    }
                    _ => text.push(character),
                }
                joint = punct.spacing() == Spacing::Joint;
            }
            other => text.push_str(&other.to_string()),
        }
        // Behind a lifetime there is a blank as behind a word, and `>` ends one: `Vec<u8> as Trait`.
        word_before = is_word
            || matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '>' && !joint)
                && !text.ends_with(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_people_write_them() {
        for text in [
            "u32",
            "Vec<u32>",
            "std::collections::HashMap<String, Vec<(u8, i64)>>",
            "&'static str",
            "[u8; 4]",
            "()",
            "Option<Box<dyn Fn(u32) -> u8 + Send>>",
            "impl Stream<Item = u32>",
            "<S as Stream>::Item",
            "r#type::Name",
        ] {
            let ty: Type = syn::parse_str(text).unwrap();
            assert_eq!(as_text(&ty), text);
        }
    }
}
