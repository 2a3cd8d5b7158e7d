use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Attribute, FnArg, Ident, Signature, Type, Visibility};

use super::argument::{Argument, Role};
use super::options::Options;
use super::returns::{Returns, Value};
use crate::mistakes::Mistakes;
use crate::signature::{Kind, first_paragraph, qualifiers};

/// What messages call it.
pub(crate) const KIND: Kind = Kind {
    attribute: "rpc",
    one: "a called function",
    argument: "an argument",
    types: "what the caller sends",
};

/// The most arguments that a caller can send.
const MOST_SENT: usize = 12;
/// The most arguments of a function, with its extractors.
const MOST_ARGUMENTS: usize = 16;

/// A function or a method that is called over the wire, as far as must be known of it.
pub(crate) struct Function {
    pub(crate) name: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) is_async: bool,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) returns: Returns,
    /// The first paragraph of its documentation, or what the attribute says.
    pub(crate) doc: String,
    /// What its stub has too: documentation, `#[deprecated]`, `#[cfg]`.
    pub(crate) carried: Vec<Attribute>,
    /// Its `#[cfg]`s alone.
    pub(crate) cfgs: Vec<Attribute>,
    /// Its name on the wire, with its group.
    pub(crate) full_name: String,
    pub(crate) options: Options,
}

/// What goes each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Unary,
    ServerStream,
    ClientStream,
    Duplex,
}

/// What `self` is to a function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// It is a function of its own.
    Refused,
    /// It is a method of a service.
    Shared,
}

impl Function {
    /// Reads a signature and takes our attributes off its arguments.
    pub(crate) fn read(
        attributes: &[Attribute],
        visibility: &Visibility,
        signature: &mut Signature,
        receiver: Receiver,
        options: Options,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let before = mistakes.count();
        qualifiers(signature, &KIND, mistakes);
        let mut arguments = Vec::new();
        for argument in &mut signature.inputs {
            match argument {
                FnArg::Receiver(_) if receiver == Receiver::Shared => {}
                FnArg::Receiver(receiver) => {
                    let message = "a method is called as part of a service: put `#[service]` on the `impl` or the `trait`";
                    mistakes.under(receiver, message);
                }
                FnArg::Typed(argument) => arguments.extend(Argument::parse(argument, mistakes)),
            }
        }
        if let Some(seventeenth) = signature.inputs.iter().nth(MOST_ARGUMENTS) {
            let count = signature.inputs.len();
            let message =
                format!("a called function has {MOST_ARGUMENTS} arguments at most, this one {count}");
            mistakes.under(seventeenth, message);
        }
        let returns = Returns::parse(&signature.output, options.item.as_ref(), mistakes);
        let full_name =
            options.full_name(&signature.ident.unraw().to_string(), signature.ident.span(), mistakes);
        let is_carried = |attribute: &&Attribute| {
            ["doc", "deprecated", "cfg"].iter().any(|word| attribute.path().is_ident(word))
        };
        let function = Self {
            name: signature.ident.clone(),
            visibility: visibility.clone(),
            is_async: signature.asyncness.is_some(),
            arguments,
            returns: returns?,
            doc: options.doc.as_ref().map_or_else(|| first_paragraph(attributes), syn::LitStr::value),
            carried: attributes.iter().filter(is_carried).cloned().collect(),
            cfgs: attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
            full_name,
            options,
        };
        function.check(mistakes);
        (mistakes.count() == before).then_some(function)
    }

    /// What the arguments and the value must be to one another.
    fn check(&self, mistakes: &mut Mistakes) {
        let sent: Vec<_> = self.sent().collect();
        for (place, (field, ..)) in sent.iter().enumerate() {
            if sent[..place].iter().any(|(before, ..)| before.name == field.name) {
                mistakes.at(field.span, format!("two arguments are called `{}`", field.name));
            }
        }
        if let Some((field, ..)) = sent.get(MOST_SENT) {
            let count = sent.len();
            let message = format!(
                "a caller sends {MOST_SENT} arguments at most, this function takes {count}: gather them in a struct"
            );
            mistakes.at(field.span, message);
        }
        let of_role =
            |role: fn(&Role) -> bool| self.arguments.iter().filter(move |argument| role(&argument.role));
        let channels = || of_role(|role| matches!(role, Role::Channel { .. }));
        for second in channels().skip(1) {
            mistakes.under(&second.ty, "a call has one channel: its items would not know which is theirs");
        }
        if let (Some(_), Value::Items(_)) = (channels().next(), &self.returns.value) {
            let message = "a function with a channel sends its items there: `Channel<In, Out>` instead of a `Streaming`";
            mistakes.under(&self.returns.written, message);
        }
        let mut wholes = of_role(|role| matches!(role, Role::Whole { .. }));
        if let Some(whole) = wholes.next() {
            if !sent.is_empty() {
                mistakes
                    .under(&whole.ty, "`Typed` takes all arguments of the call: there can be none beside it");
            }
            for second in wholes {
                mistakes.under(
                    &second.ty,
                    "another argument already takes all that the caller sends; only one can",
                );
            }
        }
    }

    /// The arguments that the caller sends: what they are called, their types, the names they have at the caller.
    pub(crate) fn sent(&self) -> impl Iterator<Item = (&crate::field::Field, &Argument, &Ident)> {
        self.arguments.iter().filter_map(|argument| match &argument.role {
            Role::Sent { field, ident } => Some((field, argument, ident)),
            _ => None,
        })
    }

    /// The argument that is all that the caller sends, if there is one.
    pub(crate) fn whole(&self) -> Option<(&Type, &Ident)> {
        self.arguments.iter().find_map(|argument| match &argument.role {
            Role::Whole { ty, ident } => Some((ty, ident)),
            _ => None,
        })
    }

    /// What its channel takes and gives.
    pub(crate) fn channel(&self) -> Option<(&Type, Option<&Type>)> {
        self.arguments.iter().find_map(|argument| match &argument.role {
            Role::Channel { takes, gives } => Some((&**takes, gives.as_deref())),
            _ => None,
        })
    }

    /// What goes each way, as the types say.
    pub(crate) fn shape(&self) -> Shape {
        match (self.channel(), &self.returns.value) {
            (Some((_, Some(_))), _) => Shape::Duplex,
            (Some((_, None)), _) => Shape::ClientStream,
            (None, Value::Items(_)) => Shape::ServerStream,
            (None, Value::One(_)) => Shape::Unary,
        }
    }

    /// Where its name stands.
    pub(crate) fn span(&self) -> Span {
        self.name.span()
    }
}
