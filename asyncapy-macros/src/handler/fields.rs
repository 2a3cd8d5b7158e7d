use proc_macro2::Span;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Lit, LitStr, Result, Token};

use super::pattern::{self, Starts};
use crate::attribute::to_next;
use crate::mistakes::Mistakes;

/// `fields(user = r"\w+", pin, "odd-name" = "x", ..)`.
pub(crate) struct Fields {
    /// Where `fields` stands.
    pub(crate) span: Span,
    /// In the order they stand.
    pub(crate) fields: Vec<FilterField>,
    /// Whether a trailing `..` allows others.
    pub(crate) open: bool,
}

/// One field of `fields(..)`.
pub(crate) struct FilterField {
    /// Its name, as it stands.
    pub(crate) name: FieldName,
    /// What its text must begin with.
    pub(crate) pattern: Option<LitStr>,
    /// What a match can begin with; nothing where there is no pattern, or a bad one.
    pub(crate) starts: Option<Starts>,
}

/// The name of a field: an identifier, or a literal for the names that are none.
pub(crate) enum FieldName {
    Ident(Ident),
    Literal(LitStr),
}

impl FieldName {
    /// The name on the wire; `r#type` is `type`.
    pub(crate) fn text(&self) -> String {
        match self {
            FieldName::Ident(ident) => ident.unraw().to_string(),
            FieldName::Literal(literal) => literal.value(),
        }
    }

    pub(crate) fn span(&self) -> Span {
        match self {
            FieldName::Ident(ident) => ident.span(),
            FieldName::Literal(literal) => literal.span(),
        }
    }
}

impl Parse for FieldName {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            let literal: LitStr = input.parse()?;
            if literal.value().is_empty() {
                return Err(Error::new(literal.span(), "the name of a field cannot be empty"));
            }
            return Ok(FieldName::Literal(literal));
        }
        if input.peek(Ident::peek_any) {
            return input.call(Ident::parse_any).map(FieldName::Ident);
        }
        Err(input.error("expected the name of a field: an identifier, or a string such as \"odd-name\""))
    }
}

impl Fields {
    /// Reads what stands between the parentheses, past every mistake.
    pub(crate) fn parse(span: Span, input: ParseStream<'_>, mistakes: &mut Mistakes) -> Self {
        let mut all = Fields { span, fields: Vec::new(), open: false };
        while !input.is_empty() {
            let parsed = if input.peek(Token![..]) {
                input.parse::<Token![..]>().and_then(|dots| all.open(&dots, input))
            } else {
                FilterField::parse(input, mistakes).map(|field| all.add(field, mistakes))
            };
            let parsed = mistakes.keep(parsed).is_some();
            to_next(input, parsed, mistakes);
        }
        all
    }

    /// Allows other fields; nothing may follow but a comma.
    fn open(&mut self, dots: &Token![..], input: ParseStream<'_>) -> Result<()> {
        self.open = true;
        let rest = input.fork();
        let _: Option<Token![,]> = rest.parse()?;
        if rest.is_empty() { Ok(()) } else { Err(Error::new_spanned(dots, "`..` comes last")) }
    }

    fn add(&mut self, field: FilterField, mistakes: &mut Mistakes) {
        let name = field.name.text();
        if self.get(&name).is_some() {
            mistakes.at(field.name.span(), format!("the field `{name}` is given twice"));
        } else {
            self.fields.push(field);
        }
    }

    /// The field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&FilterField> {
        self.fields.iter().find(|field| field.name.text() == name)
    }
}

impl FilterField {
    fn parse(input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<Self> {
        let mut field = FilterField { name: input.parse()?, pattern: None, starts: None };
        if input.parse::<Option<Token![=]>>()?.is_some() {
            if !input.peek(LitStr) {
                // `pin = 5` was probably meant as `pin = "5"`.
                let name = field.name.text();
                let text =
                    input.fork().parse::<Lit>().map_or("[a-z]+".to_owned(), |lit| quote!(#lit).to_string());
                return Err(input.error(format!("a pattern is a string, such as `{name} = \"{text}\"`")));
            }
            let pattern: LitStr = input.parse()?;
            // A bad pattern is left out, so that nothing else is said about it.
            if let Some(starts) = mistakes.keep(pattern::check(&pattern)) {
                field.starts = Some(starts);
                field.pattern = Some(pattern);
            }
        }
        Ok(field)
    }
}
