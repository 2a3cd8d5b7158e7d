use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, FnArg, Ident, ReturnType, Signature, Visibility};

use super::argument::Argument;
use crate::mistakes::Mistakes;
use crate::signature::{Kind, first_paragraph, other_item, qualifiers};

/// What messages call it.
pub(crate) const KIND: Kind = Kind {
    attribute: "handler",
    one: "a handler",
    argument: "an extractor",
    types: "what is taken from the packet",
};

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
            other_item(input, &KIND)?;
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
        let qualified = qualifiers(signature, &KIND, mistakes);
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
