use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Error, Expr, Ident, LitStr, Meta, Pat, Result, Token};

use crate::attribute::{to_next, unknown, value};
use crate::mistakes::Mistakes;

/// `#[field]`, `#[field("odd-name")]`, `#[field(name = "odd-name", default = 5)]`, and the same of `#[argument]`.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) default: Default,
}

/// What stands in for a field that is missing.
pub(crate) enum Default {
    /// Nothing: the packet is rejected, unless the type takes absence (`Option`).
    None,
    /// `Default::default()`.
    Trait,
    /// An expression.
    Expr(Box<Expr>),
}

impl Field {
    /// Reads the attribute of that word, which stands on an argument.
    pub(crate) fn parse(
        attribute: &Attribute,
        pattern: &Pat,
        word: &str,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let mut name = None;
        let mut default = Default::None;
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => {
                let parser = |input: ParseStream<'_>| {
                    while !input.is_empty() {
                        let parsed = Self::part(input, word, &mut name, &mut default);
                        let parsed = mistakes.keep(parsed).is_some();
                        to_next(input, parsed, mistakes);
                    }
                    Ok(())
                };
                let parsed = list.parse_args_with(parser);
                mistakes.keep(parsed)?;
            }
            Meta::NameValue(_) => {
                mistakes.under(attribute, format!("expected `#[{word}]` or `#[{word}(\"name\")]`"));
                return None;
            }
        }
        if let Some(name) = name {
            return Some(Self { name: name.value(), span: name.span(), default });
        }
        let (name, span) = Self::name_of(pattern, word, mistakes)?;
        Some(Self { name, span, default })
    }

    /// The field that an argument without an attribute stands for.
    pub(crate) fn named_by(pattern: &Pat, word: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let (name, span) = Self::name_of(pattern, word, mistakes)?;
        Some(Self { name, span, default: Default::None })
    }

    fn name_of(pattern: &Pat, word: &str, mistakes: &mut Mistakes) -> Option<(String, Span)> {
        match pattern {
            Pat::Ident(ident) => Some((ident.ident.unraw().to_string(), ident.ident.span())),
            other => {
                let message = format!(
                    "a pattern has no name that could be the {word}'s: name it, as in `#[{word}(\"user\")]`"
                );
                mistakes.under(other, message);
                None
            }
        }
    }

    fn part(
        input: ParseStream<'_>,
        word: &str,
        name: &mut Option<LitStr>,
        default: &mut Default,
    ) -> Result<()> {
        let twice = |span, what: &str| Err(Error::new(span, format!("`{what}` is given twice")));
        if input.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            return Self::named(literal, word, name);
        }
        if !input.peek(Ident::peek_any) {
            let message = format!("expected the {word}'s name in quotes, `name = \"..\"` or `default`");
            return Err(input.error(message));
        }
        let key = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "name" => Self::named(value(&key, input, "name = \"user\"")?, word, name)?,
            "default" if !matches!(default, Default::None) => return twice(key.span(), "default"),
            "default" if input.peek(Token![=]) => {
                *default = Default::Expr(Box::new(value(&key, input, "default = 5")?));
            }
            "default" => *default = Default::Trait,
            other => return Err(Error::new(key.span(), unknown(other, &["name", "default"]))),
        }
        Ok(())
    }

    fn named(literal: LitStr, word: &str, name: &mut Option<LitStr>) -> Result<()> {
        if literal.value().is_empty() {
            return Err(Error::new(
                literal.span(),
                format!("the name of {} {word} cannot be empty", if word == "argument" { "an" } else { "a" }),
            ));
        }
        if name.is_some() {
            return Err(Error::new(literal.span(), format!("the name of the {word} is given twice")));
        }
        *name = Some(literal);
        Ok(())
    }
}
