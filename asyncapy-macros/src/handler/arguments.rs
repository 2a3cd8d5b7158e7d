use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Path, Result, UnOp};

use super::address;
use super::fields::Fields;
use crate::attribute::{
    function_name, library, parentheses, text, timeout, to_next, ungroup, unknown, value,
};
use crate::mistakes::Mistakes;

/// Every argument there is.
const NAMES: &[&str] = &["group", "order", "fields", "ip", "api_key", "filter", "timeout", "name", "crate"];

/// What stands in the attribute, less what is wrong.
pub(crate) struct Arguments {
    /// `::asyncapy`, or what `crate = ..` says.
    pub(crate) library: Path,
    pub(crate) group: Option<TokenStream>,
    pub(crate) order: Option<TokenStream>,
    pub(crate) name: Option<LitStr>,
    /// In milliseconds.
    pub(crate) timeout: Option<u64>,
    pub(crate) fields: Option<Fields>,
    pub(crate) ip: Vec<LitStr>,
    pub(crate) api_key: Option<ApiKey>,
    pub(crate) filter: Option<Expr>,
}

/// `api_key(field = "key", keys = KEYS)`.
pub(crate) struct ApiKey {
    pub(crate) field: LitStr,
    /// Where it is left out, the server's state has the keys.
    pub(crate) keys: Option<Path>,
}

impl Arguments {
    /// Reads the attribute's arguments past every mistake.
    pub(crate) fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut arguments = Arguments {
            library: syn::parse_quote!(::asyncapy),
            group: None,
            order: None,
            name: None,
            timeout: None,
            fields: None,
            ip: Vec::new(),
            api_key: None,
            filter: None,
        };
        let parser = |input: ParseStream<'_>| {
            let mut seen = Vec::new();
            while !input.is_empty() {
                let parsed = arguments.argument(input, &mut seen, mistakes);
                let parsed = mistakes.keep(parsed).is_some();
                to_next(input, parsed, mistakes);
            }
            Ok(())
        };
        let parsed = parser.parse2(tokens);
        mistakes.keep(parsed);
        arguments
    }

    fn argument(
        &mut self,
        input: ParseStream<'_>,
        seen: &mut Vec<String>,
        mistakes: &mut Mistakes,
    ) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected an argument such as `group = 1` or `fields(user, pin)`"));
        }
        let key = input.call(Ident::parse_any)?;
        let name = key.to_string();
        if !NAMES.contains(&name.as_str()) {
            return Err(Error::new(key.span(), unknown(&name, NAMES)));
        }
        if seen.contains(&name) {
            return Err(Error::new(key.span(), format!("`{name}` is given twice")));
        }
        seen.push(name.clone());
        match name.as_str() {
            "group" => self.group = Some(integer(&key, input)?),
            "order" => self.order = Some(integer(&key, input)?),
            "fields" => {
                let content = parentheses(&key, input, "fields(user, pin)")?;
                self.fields = Some(Fields::parse(key.span(), &content, mistakes));
            }
            "ip" => self.ip = addresses(&key, input, mistakes)?,
            "api_key" => {
                let content = parentheses(&key, input, "api_key(field = \"key\")")?;
                self.api_key = ApiKey::parse(&key, &content, mistakes);
            }
            "filter" => self.filter = Some(value(&key, input, "filter = ALLOWED")?),
            "timeout" => self.timeout = Some(timeout(&key, input)?),
            "name" => self.name = Some(function_name(&key, input, "a handler", "login")?),
            _ => self.library = library(&key, input)?,
        }
        Ok(())
    }
}

impl ApiKey {
    fn parse(key: &Ident, input: ParseStream<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let (mut field, mut keys, mut clean) = (None, None, true);
        while !input.is_empty() {
            let parsed = Self::part(input, &mut field, &mut keys);
            let parsed = mistakes.keep(parsed).is_some();
            clean &= parsed;
            to_next(input, parsed, mistakes);
        }
        if field.is_none() && clean {
            mistakes
                .at(key.span(), "`api_key` needs the field that holds the key: `api_key(field = \"key\")`");
        }
        field.map(|field| ApiKey { field, keys })
    }

    fn part(input: ParseStream<'_>, field: &mut Option<LitStr>, keys: &mut Option<Path>) -> Result<()> {
        let key = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "field" if field.is_none() => {
                let name = text(&key, input, "field = \"key\"")?;
                if name.value().is_empty() {
                    return Err(Error::new(name.span(), "the name of a field cannot be empty"));
                }
                *field = Some(name);
            }
            "keys" if keys.is_none() => *keys = Some(value(&key, input, "keys = KEYS")?),
            name @ ("field" | "keys") => {
                return Err(Error::new(key.span(), format!("`{name}` is given twice")));
            }
            other => return Err(Error::new(key.span(), unknown(other, &["field", "keys"]))),
        }
        Ok(())
    }
}

/// An `i32`: a literal, or the path of a constant.
fn integer(key: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
    let value: Expr = value(key, input, &format!("{key} = 1"))?;
    let (negative, literal) = match ungroup(&value) {
        Expr::Path(path) => return Ok(quote!(#path)),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => (true, ungroup(&unary.expr)),
        other => (false, other),
    };
    let Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) = literal else {
        return Err(Error::new_spanned(
            &value,
            format!("`{key}` takes a whole number, such as `{key} = -1`"),
        ));
    };
    match literal.base10_parse::<i64>().map(|number| if negative { -number } else { number }) {
        Ok(number) if i32::try_from(number).is_ok() => Ok(quote!(#value)),
        _ => {
            let message =
                format!("out of range: `{key}` takes a whole number from {} to {}", i32::MIN, i32::MAX);
            Err(Error::new_spanned(&value, message))
        }
    }
}

/// `ip = "127.0.0.1"` or `ip = ["127.0.0.1", "10.0.0.0/8"]`.
fn addresses(key: &Ident, input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<Vec<LitStr>> {
    const EXAMPLE: &str = "ip = [\"127.0.0.1\", \"10.0.0.0/8\"]";
    let literals = match ungroup(&value(key, input, EXAMPLE)?).clone() {
        Expr::Array(array) if array.elems.is_empty() => {
            return Err(Error::new_spanned(
                array,
                "an empty list lets nobody in; this handler can never run",
            ));
        }
        Expr::Array(array) => array.elems,
        single => Punctuated::from_iter([single]),
    };
    let mut addresses: Vec<LitStr> = Vec::new();
    for literal in literals {
        let Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) = ungroup(&literal).clone() else {
            mistakes.under(literal, format!("expected an address in quotes, such as `{EXAMPLE}`"));
            continue;
        };
        if addresses.iter().any(|before| before.value() == literal.value()) {
            mistakes.at(literal.span(), format!("`{}` is given twice", literal.value()));
        } else if mistakes.keep(address::check(&literal)).is_some() {
            addresses.push(literal);
        }
    }
    Ok(addresses)
}
