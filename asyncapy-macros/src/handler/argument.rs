use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Error, Expr, Ident, LitStr, Meta, Pat, PatType, Result, Token, Type};

use super::arguments::{unknown, value};
use super::fields::to_next;
use crate::mistakes::Mistakes;

/// One argument of the function.
pub(crate) struct Argument {
    pub(crate) ty: Type,
    /// The `#[field]` it has; without one its type is an extractor.
    pub(crate) field: Option<PacketField>,
}

/// `#[field]`, `#[field("odd-name")]`, `#[field(name = "odd-name", default = 5)]`.
pub(crate) struct PacketField {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) default: FieldDefault,
}

/// What stands in for a field that is missing.
pub(crate) enum FieldDefault {
    /// Nothing: the packet is rejected, unless the type takes absence (`Option`).
    None,
    /// `Default::default()`.
    Trait,
    /// An expression.
    Expr(Box<Expr>),
}

impl Argument {
    /// Reads an argument and takes its `#[field]` off.
    pub(crate) fn parse(argument: &mut PatType, mistakes: &mut Mistakes) -> Self {
        let (fields, others) = std::mem::take(&mut argument.attrs)
            .into_iter()
            .partition(|attribute| attribute.path().is_ident("field"));
        argument.attrs = others;
        for attribute in &argument.attrs {
            if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
                mistakes.under(
                    attribute,
                    "an argument of a handler cannot depend on `cfg`; put it on the function",
                );
            }
        }
        let fields: Vec<Attribute> = fields;
        if let Some(second) = fields.get(1) {
            mistakes.under(second, "`#[field]` is given twice");
        }
        let field =
            fields.first().and_then(|attribute| PacketField::parse(attribute, &argument.pat, mistakes));
        owned(&argument.ty, mistakes);
        Self { ty: (*argument.ty).clone(), field }
    }

    /// Whether a packet without this field is rejected.
    pub(crate) fn required_field(&self) -> Option<&PacketField> {
        let optional = last_segment(&self.ty).is_some_and(|segment| segment.ident == "Option");
        self.field.as_ref().filter(|field| !optional && matches!(field.default, FieldDefault::None))
    }

    /// `T`, where the type is `Typed<T>`.
    pub(crate) fn typed(&self) -> Option<&Type> {
        let segment =
            last_segment(&self.ty).filter(|segment| self.field.is_none() && segment.ident == "Typed")?;
        let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
        match (arguments.args.len(), arguments.args.first()) {
            (1, Some(syn::GenericArgument::Type(ty))) => Some(ty),
            _ => None,
        }
    }
}

/// The last segment of a type that is a path.
pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

impl PacketField {
    fn parse(attribute: &Attribute, pattern: &Pat, mistakes: &mut Mistakes) -> Option<Self> {
        let mut name = None;
        let mut default = FieldDefault::None;
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => {
                let parser = |input: ParseStream<'_>| {
                    while !input.is_empty() {
                        let parsed = Self::part(input, &mut name, &mut default);
                        let parsed = mistakes.keep(parsed).is_some();
                        to_next(input, parsed, mistakes);
                    }
                    Ok(())
                };
                let parsed = list.parse_args_with(parser);
                mistakes.keep(parsed)?;
            }
            Meta::NameValue(_) => {
                mistakes.under(attribute, "expected `#[field]` or `#[field(\"name\")]`");
                return None;
            }
        }
        if let Some(name) = name {
            return Some(Self { name: name.value(), span: name.span(), default });
        }
        match pattern {
            Pat::Ident(ident) => {
                Some(Self { name: ident.ident.unraw().to_string(), span: ident.ident.span(), default })
            }
            other => {
                let message =
                    "a pattern has no name that could be the field's: name it, as in `#[field(\"user\")]`";
                mistakes.under(other, message);
                None
            }
        }
    }

    fn part(input: ParseStream<'_>, name: &mut Option<LitStr>, default: &mut FieldDefault) -> Result<()> {
        let twice = |span, what: &str| Err(Error::new(span, format!("`{what}` is given twice")));
        if input.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            return Self::named(literal, name);
        }
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected the field's name in quotes, `name = \"..\"` or `default`"));
        }
        let key = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "name" => Self::named(value(&key, input, "name = \"user\"")?, name)?,
            "default" if !matches!(default, FieldDefault::None) => return twice(key.span(), "default"),
            "default" if input.peek(Token![=]) => {
                *default = FieldDefault::Expr(Box::new(value(&key, input, "default = 5")?));
            }
            "default" => *default = FieldDefault::Trait,
            other => return Err(Error::new(key.span(), unknown(other, &["name", "default"]))),
        }
        Ok(())
    }

    fn named(literal: LitStr, name: &mut Option<LitStr>) -> Result<()> {
        if literal.value().is_empty() {
            return Err(Error::new(literal.span(), "the name of a field cannot be empty"));
        }
        if name.is_some() {
            return Err(Error::new(literal.span(), "the name of the field is given twice"));
        }
        *name = Some(literal);
        Ok(())
    }
}

/// Refuses what borrows, and `impl Trait`: an extractor owns what it takes out of the packet, and has a name.
fn owned(ty: &Type, mistakes: &mut Mistakes) {
    if let Type::Reference(_) = ty {
        mistakes.under(ty, "an extractor owns its data: take the type itself instead of a reference");
        return;
    }
    match borrowed(ty.to_token_stream()) {
        Some((span, "impl")) => {
            mistakes.at(span, "a handler cannot be generic: name the extractor instead of `impl`");
        }
        Some((span, _)) => {
            mistakes.at(span, "an extractor owns its data: a handler cannot take what borrows");
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
