//! Reading what stands in an attribute: `name = value`, `name(..)`, and the next one past a mistake.

use proc_macro2::TokenTree;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Path, Result, Token, parenthesized, token};

use crate::mistakes::Mistakes;
use crate::suggest::hint;

/// What is said of an argument that there is not.
pub(crate) fn unknown(name: &str, names: &[&str]) -> String {
    format!("unknown argument `{name}`; {}", hint(name, names))
}

/// The `= value` of an argument.
pub(crate) fn value<T: Parse>(key: &Ident, input: ParseStream<'_>, example: &str) -> Result<T> {
    if input.parse::<Option<Token![=]>>()?.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(key.span(), format!("expected a value, such as `{example}`")));
    }
    input.parse()
}

/// The `= "text"` of an argument.
pub(crate) fn text(key: &Ident, input: ParseStream<'_>, example: &str) -> Result<LitStr> {
    match ungroup(&value(key, input, example)?) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
        other => Err(Error::new_spanned(other, format!("expected a string, such as `{example}`"))),
    }
}

/// The `(..)` of an argument.
pub(crate) fn parentheses<'a>(
    key: &Ident,
    input: ParseStream<'a>,
    example: &str,
) -> Result<syn::parse::ParseBuffer<'a>> {
    if !input.peek(token::Paren) {
        return Err(Error::new(key.span(), format!("expected parentheses, such as `{example}`")));
    }
    let content;
    parenthesized!(content in input);
    Ok(content)
}

/// An expression that a `macro_rules!` macro has put in invisible brackets, without them.
pub(crate) fn ungroup(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => ungroup(&group.expr),
        Expr::Paren(paren) => ungroup(&paren.expr),
        other => other,
    }
}

/// `timeout = "5s"` or `timeout = 5`, in milliseconds.
pub(crate) fn timeout(key: &Ident, input: ParseStream<'_>) -> Result<u64> {
    let value: Expr = value(key, input, "timeout = \"5s\"")?;
    let wrong = |why: &str| {
        Err(Error::new_spanned(
            &value,
            format!("{why}: expected a time such as `\"500ms\"`, `\"5s\"`, `\"2m\"` or `5` (seconds)"),
        ))
    };
    let (number, unit) = match ungroup(&value) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let text = text.value();
            let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let unit = match &text[digits..] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "" => return wrong("a time needs its unit"),
                _ => return wrong(&format!("`{text}` is no time")),
            };
            (text[..digits].parse::<u64>().ok(), unit)
        }
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => (seconds.base10_parse().ok(), 1_000),
        _ => return wrong("this is no time"),
    };
    match number.and_then(|number| number.checked_mul(unit)) {
        Some(0) => wrong("a timeout of zero lets nothing finish"),
        Some(millis) => Ok(millis),
        None => wrong("this is no time"),
    }
}

/// `name = "login"`.
pub(crate) fn function_name(key: &Ident, input: ParseStream<'_>, one: &str, example: &str) -> Result<LitStr> {
    let name = text(key, input, &format!("{key} = \"{example}\""))?;
    let text = name.value();
    if text.is_empty() {
        return Err(Error::new(name.span(), format!("the name of {one} cannot be empty")));
    }
    let allowed = |c: char| c.is_alphanumeric() || "_-.:/".contains(c);
    if let Some(wrong) = text.chars().find(|&c| !allowed(c)) {
        let message = format!("{wrong:?} cannot stand in the name of {one}: letters, digits and `_-.:/` can");
        return Err(Error::new(name.span(), message));
    }
    Ok(name)
}

/// `crate = path` or `crate = "path"`.
pub(crate) fn library(key: &Ident, input: ParseStream<'_>) -> Result<Path> {
    match ungroup(&value(key, input, "crate = my::asyncapy")?) {
        Expr::Path(path) if path.qself.is_none() => Ok(path.path.clone()),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text
            .parse_with(Path::parse_mod_style)
            .map_err(|_| Error::new(text.span(), "expected a path, such as `crate = my::asyncapy`")),
        other => Err(Error::new_spanned(other, "expected a path, such as `crate = my::asyncapy`")),
    }
}

/// Moves behind the next comma. After something that was read well, all else before the comma is a mistake.
pub(crate) fn to_next(input: ParseStream<'_>, parsed: bool, mistakes: &mut Mistakes) {
    if parsed && !input.is_empty() && !input.peek(Token![,]) {
        mistakes.push(input.error("expected `,`"));
    }
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            break;
        }
    }
    if input.peek(Token![,]) {
        mistakes.keep(input.parse::<Token![,]>());
    }
}
