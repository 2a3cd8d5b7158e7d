use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, Meta, Result, Safety, Signature};

use crate::mistakes::Mistakes;

/// What an attribute makes of the function below it, in the words of its messages.
pub(crate) struct Kind {
    /// The attribute's name.
    pub(crate) attribute: &'static str,
    /// What the function is then.
    pub(crate) one: &'static str,
    /// What its arguments are.
    pub(crate) argument: &'static str,
    /// What their types say.
    pub(crate) types: &'static str,
}

/// Whether the function has nothing before `fn` and behind its name that it cannot have.
pub(crate) fn qualifiers(signature: &Signature, kind: &Kind, mistakes: &mut Mistakes) -> bool {
    let one = kind.one;
    let before = mistakes.count();
    if let Some(token) = &signature.constness {
        mistakes.under(token, format!("{one} cannot be a `const fn`"));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        let message = format!("{one} cannot be `unsafe`: the server calls it with whatever clients send");
        mistakes.under(token, message);
    }
    if let Some(abi) = &signature.abi {
        mistakes.under(abi, format!("{one} cannot be `extern`"));
    }
    if let Some(variadic) = &signature.variadic {
        mistakes.under(variadic, format!("{one} cannot be variadic"));
    }
    if !signature.generics.params.is_empty() {
        let message = format!("{one} cannot be generic: its arguments' types say {}", kind.types);
        mistakes.under(&signature.generics.params, message);
    }
    mistakes.count() == before
}

/// An error if what follows is something else than a function.
pub(crate) fn other_item(input: ParseStream<'_>, kind: &Kind) -> Result<()> {
    let attribute = kind.attribute;
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
        return Err(input.error(format!("`#[{attribute}]` goes on a function")));
    };
    let article = if "aeiou".contains(&word.to_string()[..1]) { "an" } else { "a" };
    Err(Error::new(
        word.span(),
        format!("`#[{attribute}]` goes on a function, `async fn` or `fn`, not on {article} `{word}`"),
    ))
}

/// The first paragraph of the documentation, its lines joined.
pub(crate) fn first_paragraph(attributes: &[Attribute]) -> String {
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
