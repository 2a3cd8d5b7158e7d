//! Where what is written stands: there the compiler complains of it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};

/// `tokens` as if they stood where `place` stands, from its first token to its last.
pub(crate) fn spanned_like(tokens: TokenStream, place: &impl ToTokens) -> TokenStream {
    let mut place = place.to_token_stream().into_iter().map(|token| token.span());
    let Some(start) = place.next() else { return tokens };
    respan(tokens, start, place.last().unwrap_or(start))
}

/// Where the last token of `place` stands.
pub(crate) fn end_of(place: &impl ToTokens) -> Span {
    place.to_token_stream().into_iter().last().map_or_else(Span::call_site, |token| token.span())
}

/// `tokens` with one span for the first and another for the others.
pub(crate) fn respan(tokens: TokenStream, start: Span, end: Span) -> TokenStream {
    let spans = std::iter::once(start).chain(std::iter::repeat(end));
    tokens
        .into_iter()
        .zip(spans)
        .map(|(mut token, span): (TokenTree, Span)| {
            token.set_span(span);
            token
        })
        .collect()
}

/// `::core::file!()` and its like, at the name of the function.
pub(crate) fn at_name(name: &Ident, macro_name: &str) -> TokenStream {
    let macro_name = Ident::new(macro_name, name.span());
    quote_spanned!(name.span()=> ::core::#macro_name!())
}

/// Whether a returned type can stand elsewhere: not if it has an `impl` or a `!` in it.
pub(crate) fn can_be_named(ty: TokenStream) -> bool {
    ty.into_iter().all(|token| match token {
        TokenTree::Ident(ident) => ident != "impl",
        TokenTree::Punct(punct) => punct.as_char() != '!',
        TokenTree::Group(group) => can_be_named(group.stream()),
        TokenTree::Literal(_) => true,
    })
}
