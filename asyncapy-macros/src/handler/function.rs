use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, Ident, Lit, Meta, Result, ReturnType, Safety, Signature,
    Visibility,
};

use super::argument::Argument;
use crate::mistakes::Mistakes;

/// The most arguments a handler can have.
const MOST_ARGUMENTS: usize = 16;

/// The function below the attribute, as far as the registration must know it.
pub(crate) struct Function {
    pub(crate) name: Ident,
    pub(crate) is_async: bool,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: ReturnType,
    /// The first paragraph of its documentation.
    pub(crate) doc: String,
    /// Its `#[cfg]`s: without the function there is nothing to register.
    pub(crate) cfgs: Vec<Attribute>,
}

impl Function {
    /// The item as it will be written out, and the function if it can be registered. Only the signature is read.
    pub(crate) fn parse(item: TokenStream, mistakes: &mut Mistakes) -> (TokenStream, Option<Self>) {
        let parser = |input: ParseStream<'_>| {
            let attributes = input.call(Attribute::parse_outer)?;
            let visibility: Visibility = input.parse()?;
            other_item(input)?;
            let signature: Signature = input.parse()?;
            let body: TokenStream = input.parse()?;
            Ok((attributes, visibility, signature, body))
        };
        let Some((attributes, visibility, mut signature, body)) = mistakes.keep(parser.parse2(item.clone()))
        else {
            return (item, None);
        };
        let function = Self::read(&attributes, &mut signature, mistakes);
        (quote!(#(#attributes)* #visibility #signature #body), function)
    }

    fn read(attributes: &[Attribute], signature: &mut Signature, mistakes: &mut Mistakes) -> Option<Self> {
        let qualified = qualifiers(signature, mistakes);
        let mut arguments = Vec::new();
        let mut method = false;
        for argument in &mut signature.inputs {
            match argument {
                FnArg::Receiver(receiver) => {
                    method = true;
                    mistakes.under(
                        receiver,
                        "a handler is a function of its own, not a method: what `self` holds is taken as `State<T>`",
                    );
                }
                FnArg::Typed(argument) => {
                    let before = mistakes.count();
                    let parsed = Argument::parse(argument, mistakes);
                    arguments.push((parsed, mistakes.count() == before));
                }
            }
        }
        if let Some(seventeenth) = signature.inputs.iter().nth(MOST_ARGUMENTS) {
            let count = signature.inputs.len();
            mistakes.under(
                seventeenth,
                format!("a handler has {MOST_ARGUMENTS} arguments at most, this one {count}: gather fields in a `Typed<T>`"),
            );
        }
        let whole = arguments.iter().all(|(_, clean)| *clean) && arguments.len() <= MOST_ARGUMENTS;
        (qualified && whole && !method).then(|| Self {
            name: signature.ident.clone(),
            is_async: signature.asyncness.is_some(),
            arguments: arguments.into_iter().map(|(argument, _)| argument).collect(),
            output: signature.output.clone(),
            doc: first_paragraph(attributes),
            cfgs: attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
        })
    }

    /// The function's name as text; `r#type` is `type`.
    pub(crate) fn text(&self) -> String {
        self.name.unraw().to_string()
    }
}

/// Whether the function has nothing before `fn` and behind its name that a handler cannot have.
fn qualifiers(signature: &Signature, mistakes: &mut Mistakes) -> bool {
    let before = mistakes.count();
    if let Some(token) = &signature.constness {
        mistakes.under(token, "a handler cannot be a `const fn`");
    }
    if let Safety::Unsafe(token) = &signature.safety {
        mistakes.under(token, "a handler cannot be `unsafe`: the server calls it with whatever clients send");
    }
    if let Some(abi) = &signature.abi {
        mistakes.under(abi, "a handler cannot be `extern`");
    }
    if let Some(variadic) = &signature.variadic {
        mistakes.under(variadic, "a handler cannot be variadic");
    }
    if !signature.generics.params.is_empty() {
        mistakes.under(
            &signature.generics.params,
            "a handler cannot be generic: its arguments' types say what is taken from the packet",
        );
    }
    mistakes.count() == before
}

/// An error if what follows is something else than a function.
fn other_item(input: ParseStream<'_>) -> Result<()> {
    let ahead = input.fork();
    let mut first = None;
    while ahead.peek(Ident::peek_any) || ahead.peek(syn::LitStr) {
        if ahead.peek(syn::LitStr) {
            ahead.parse::<syn::LitStr>()?;
            continue;
        }
        let word = ahead.call(Ident::parse_any)?;
        match word.to_string().as_str() {
            "fn" => return Ok(()),
            "const" | "async" | "unsafe" | "extern" => {
                first.get_or_insert(word);
            }
            _ => {
                first.get_or_insert(word);
                break;
            }
        }
    }
    let Some(word) = first else {
        return Err(input.error("`#[handler]` goes on a function"));
    };
    let article = if "aeiou".contains(&word.to_string()[..1]) { "an" } else { "a" };
    Err(Error::new(
        word.span(),
        format!("`#[handler]` goes on a function, `async fn` or `fn`, not on {article} `{word}`"),
    ))
}

/// The first paragraph of the documentation, its lines joined.
fn first_paragraph(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let text: Vec<String> = lines.collect();
    let lines = text.iter().flat_map(|text| text.split('\n')).map(str::trim);
    let paragraph: Vec<&str> =
        lines.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect();
    paragraph.join(" ")
}
