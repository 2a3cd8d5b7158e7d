//! What can be told of a type from its tokens.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;

use crate::mistakes::Mistakes;
use crate::signature::Kind;

/// The last segment of a type that is a path.
pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
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
fn borrowed(tokens: TokenStream) -> Option<(Span, &'static str)> {
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
