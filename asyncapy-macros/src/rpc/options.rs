use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Ident, LitStr, Meta, Path, Result, Token, Type, token};

use crate::attribute::{function_name, library, parentheses, text, timeout, to_next, unknown, value};
use crate::mistakes::Mistakes;

/// What `#[rpc(..)]` takes on a function of its own.
pub(crate) const FUNCTION: &[&str] =
    &["name", "group", "private", "timeout", "idempotent", "doc", "item", "remote", "crate"];
/// What `#[rpc(..)]` takes on a method of a service.
pub(crate) const METHOD: &[&str] = &["name", "private", "timeout", "idempotent", "doc", "item", "skip"];
/// What `#[service(..)]` takes.
pub(crate) const SERVICE: &[&str] = &["name", "group", "private", "timeout", "crate"];

/// The longest full name there is, in bytes.
const LONGEST_NAME: usize = 255;

/// What stands in the attribute, less what is wrong.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) library: Option<Path>,
    pub(crate) name: Option<LitStr>,
    pub(crate) group: Option<LitStr>,
    pub(crate) private: Option<Vec<Place>>,
    /// In milliseconds.
    pub(crate) timeout: Option<u64>,
    pub(crate) idempotent: bool,
    pub(crate) doc: Option<LitStr>,
    /// The type of a stream's items, where the return type does not tell it.
    pub(crate) item: Option<Type>,
    pub(crate) remote: Option<Span>,
    pub(crate) skip: bool,
    /// The names of those that are given, where they stand.
    given: Vec<Ident>,
}

/// Where a private function may be called from.
#[derive(Clone)]
pub(crate) enum Place {
    Loopback,
    Unix,
    Identity(String),
    Check(Path),
}

impl Options {
    /// Reads the attribute's arguments past every mistake.
    pub(crate) fn parse(tokens: TokenStream, names: &[&str], mistakes: &mut Mistakes) -> Self {
        let mut options = Self::default();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let parsed = options.option(input, names, mistakes);
                let parsed = mistakes.keep(parsed).is_some();
                to_next(input, parsed, mistakes);
            }
            Ok(())
        };
        let parsed = parser.parse2(tokens);
        mistakes.keep(parsed);
        options
    }

    /// Takes the `#[rpc(..)]` off a method.
    pub(crate) fn take(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Self {
        let (ours, others): (Vec<_>, Vec<_>) =
            std::mem::take(attributes).into_iter().partition(|attribute| attribute.path().is_ident("rpc"));
        *attributes = others;
        if let Some(second) = ours.get(1) {
            mistakes.under(second, "`#[rpc]` is given twice");
        }
        match ours.first().map(|attribute| &attribute.meta) {
            Some(Meta::List(list)) => Self::parse(list.tokens.clone(), METHOD, mistakes),
            Some(Meta::NameValue(meta)) => {
                mistakes.under(meta, "expected `#[rpc(..)]`, such as `#[rpc(timeout = \"5s\")]`");
                Self::default()
            }
            Some(Meta::Path(_)) | None => Self::default(),
        }
    }

    fn option(&mut self, input: ParseStream<'_>, names: &[&str], mistakes: &mut Mistakes) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            let example = match names.contains(&"idempotent") {
                true => "`name = \"sum\"` or `idempotent`",
                false => "`name = \"bank\"` or `timeout = \"5s\"`",
            };
            return Err(input.error(format!("expected an argument such as {example}")));
        }
        let key = input.call(Ident::parse_any)?;
        let name = key.to_string();
        if !names.contains(&name.as_str()) {
            return Err(Error::new(key.span(), unknown(&name, names)));
        }
        if self.given.contains(&key) {
            return Err(Error::new(key.span(), format!("`{name}` is given twice")));
        }
        self.given.push(key.clone());
        match name.as_str() {
            "name" => self.name = Some(function_name(&key, input, "a function", "sum")?),
            "group" => self.group = Some(function_name(&key, input, "a group", "math")?),
            "private" => self.private = Some(places(&key, input, mistakes)?),
            "timeout" => self.timeout = Some(timeout(&key, input)?),
            "idempotent" => self.idempotent = flag(&key, input)?,
            "doc" => self.doc = Some(text(&key, input, "doc = \"The sum of both.\"")?),
            "item" => self.item = Some(item(&key, input)?),
            "remote" => self.remote = flag(&key, input)?.then(|| key.span()),
            "skip" => self.skip = flag(&key, input)?,
            _ => self.library = Some(library(&key, input)?),
        }
        Ok(())
    }

    /// Refuses what a server decides of a function that runs elsewhere.
    pub(crate) fn for_a_caller(&self, mistakes: &mut Mistakes) {
        for key in &self.given {
            let message = match key.to_string().as_str() {
                "private" => "who may call a function that runs elsewhere is for its server to say",
                "timeout" => {
                    "the time that a function has is for its server to say; a call has its own: \
                     `call(..).timeout(..)`"
                }
                _ => continue,
            };
            mistakes.at(key.span(), message);
        }
    }

    /// `::asyncapy`, or what `crate = ..` says.
    pub(crate) fn library(&self) -> Path {
        self.library.clone().unwrap_or_else(|| syn::parse_quote!(::asyncapy))
    }

    /// The name on the wire of the function that is called `name` in the source.
    pub(crate) fn full_name(&self, name: &str, span: Span, mistakes: &mut Mistakes) -> String {
        let name = self.name.as_ref().map_or_else(|| name.to_owned(), LitStr::value);
        let full = match &self.group {
            Some(group) => format!("{}.{name}", group.value()),
            None => name,
        };
        if full.len() > LONGEST_NAME {
            let message = format!(
                "`{full}` has {} bytes: a name has {LONGEST_NAME} at most, with its group",
                full.len()
            );
            mistakes.at(self.name.as_ref().map_or(span, LitStr::span), message);
        }
        full
    }
}

/// An argument that says all by being there.
fn flag(key: &Ident, input: ParseStream<'_>) -> Result<bool> {
    if input.peek(Token![=]) || input.peek(token::Paren) {
        return Err(Error::new(key.span(), format!("`{key}` stands alone: it takes no value")));
    }
    Ok(true)
}

/// `item = u32` or `item = "u32"`.
fn item(key: &Ident, input: ParseStream<'_>) -> Result<Type> {
    if input.peek2(LitStr) {
        let literal: LitStr = value(key, input, "item = \"u32\"")?;
        return literal
            .parse()
            .map_err(|_| Error::new(literal.span(), "expected a type, such as `item = \"u32\"`"));
    }
    value(key, input, "item = \"u32\"")
}

/// What stands behind `private`; alone it means the machine itself.
fn places(key: &Ident, input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<Vec<Place>> {
    const EXAMPLE: &str = "private(\"loopback\", \"identity:admin\")";
    if !input.peek(token::Paren) && !input.peek(Token![=]) {
        return Ok(vec![Place::Loopback, Place::Unix]);
    }
    let content = parentheses(key, input, EXAMPLE)?;
    let mut places = Vec::new();
    let mut clean = true;
    while !content.is_empty() {
        let place = mistakes.keep(Place::parse(&content));
        clean &= place.is_some();
        to_next(&content, place.is_some(), mistakes);
        places.extend(place);
    }
    if places.is_empty() && clean {
        let message =
            format!("no place is named, so that nobody could call it; name one, such as `{EXAMPLE}`");
        return Err(Error::new(key.span(), message));
    }
    Ok(places)
}

impl Place {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(LitStr) {
            let path = input.call(Path::parse_mod_style).map_err(|_| {
                input.error("expected a place in quotes or the path of a function that takes a `&Client`")
            })?;
            return Ok(Place::Check(path));
        }
        let literal: LitStr = input.parse()?;
        let text = literal.value();
        match (text.as_str(), text.strip_prefix("identity:")) {
            ("loopback", _) => Ok(Place::Loopback),
            ("unix", _) => Ok(Place::Unix),
            (_, Some(name)) if !name.is_empty() => Ok(Place::Identity(name.to_owned())),
            (_, Some(_)) => {
                Err(Error::new(literal.span(), "`identity:` needs a name, such as `\"identity:admin\"`"))
            }
            (other, None) => {
                let hint = crate::suggest::hint(other, &["loopback", "unix", "identity:NAME"]);
                Err(Error::new(literal.span(), format!("unknown place `{other}`; {hint}")))
            }
        }
    }
}
