use syn::{Attribute, Expr, Ident, Meta, Pat, PatType, Path, Type};

use super::function::KIND;
use crate::field::{Default, Field};
use crate::mistakes::Mistakes;
use crate::suggest::nearest;
use crate::types::{generic_types, last_segment, owned};

/// The types that are extractors wherever they stand.
const EXTRACTORS: &[&str] = &[
    "Client",
    "Session",
    "State",
    "Peer",
    "Metadata",
    "Deadline",
    "Cancelled",
    "Typed",
    "Channel",
    "Extension",
    "TraceContext",
    "ApiKeyIdentity",
    "HelloMetadata",
];

/// One argument of the function.
pub(crate) struct Argument {
    pub(crate) ty: Type,
    pub(crate) role: Role,
}

/// Where an argument comes from.
pub(crate) enum Role {
    /// Its type takes it from the call.
    Extractor,
    /// `Channel<In, Out>`.
    Channel { takes: Box<Type>, gives: Option<Box<Type>> },
    /// `Typed<T>`: all arguments of the call at once, under this name at the caller.
    Whole { ty: Type, ident: Ident },
    /// The caller sends it.
    Sent { field: Field, ident: Ident },
}

impl Argument {
    /// Reads an argument and takes its `#[argument]`, `#[default]` and `#[extract]` off.
    pub(crate) fn parse(argument: &mut PatType, mistakes: &mut Mistakes) -> Option<Self> {
        let before = mistakes.count();
        let attributes = Attributes::take(&mut argument.attrs, mistakes);
        let ty = (*argument.ty).clone();
        owned(&ty, &KIND, mistakes);
        let role = attributes.role(argument, &ty, mistakes);
        role.filter(|_| mistakes.count() == before).map(|role| Self { ty, role })
    }

    /// Whether the caller must send it.
    pub(crate) fn is_required(&self) -> bool {
        let optional = last_segment(&self.ty).is_some_and(|segment| segment.ident == "Option");
        !optional && matches!(&self.role, Role::Sent { field, .. } if matches!(field.default, Default::None))
    }
}

/// The attributes of an argument that are ours.
#[derive(std::default::Default)]
struct Attributes {
    argument: Option<Attribute>,
    default: Option<Attribute>,
    extract: Option<Attribute>,
}

impl Attributes {
    fn take(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Self {
        let mut ours = Self::default();
        for attribute in std::mem::take(attributes) {
            let path = attribute.path();
            if path.is_ident("cfg") || path.is_ident("cfg_attr") {
                let message = "an argument of a function cannot depend on `cfg`; put it on the function";
                mistakes.under(&attribute, message);
            }
            let (slot, word) = match () {
                () if path.is_ident("argument") => (&mut ours.argument, "argument"),
                () if path.is_ident("default") => (&mut ours.default, "default"),
                () if path.is_ident("extract") => (&mut ours.extract, "extract"),
                () => {
                    match misnamed(path) {
                        Some(message) => mistakes.under(&attribute, message),
                        None => attributes.push(attribute),
                    }
                    continue;
                }
            };
            if slot.is_some() {
                mistakes.under(&attribute, format!("`#[{word}]` is given twice"));
            } else {
                *slot = Some(attribute);
            }
        }
        ours
    }

    fn role(&self, argument: &PatType, ty: &Type, mistakes: &mut Mistakes) -> Option<Role> {
        let segment = last_segment(ty).map(|segment| segment.ident.to_string()).unwrap_or_default();
        let inner = inner_extractor(ty);
        if inner.as_deref() == Some("Channel") {
            let message = "a channel says what goes each way, and is always there: take the `Channel` itself";
            mistakes.under(ty, message);
            return None;
        }
        let by_type = EXTRACTORS.contains(&segment.as_str()) || inner.is_some();
        if let (Some(extract), Some(other)) =
            (&self.extract, self.argument.as_ref().or(self.default.as_ref()))
        {
            let word = other.path().get_ident().map(Ident::to_string).unwrap_or_default();
            mistakes.under(extract, format!("what is extracted is not sent: `#[{word}]` says otherwise"));
            return None;
        }
        if self.extract.is_some() || by_type && self.argument.is_none() {
            if let Some(default) = &self.default {
                mistakes.under(default, format!("`{segment}` is an extractor, and has no default"));
            }
            return Some(extractor(argument, ty, &segment));
        }
        let field = match &self.argument {
            Some(attribute) => Field::parse(attribute, &argument.pat, "argument", mistakes)?,
            None => Field::named_by(&argument.pat, "argument", mistakes)?,
        };
        let field = self.defaulted(field, mistakes);
        // A renamed pattern is one argument at the caller, whatever it is taken apart into.
        let ident = match &*argument.pat {
            Pat::Ident(pattern) => pattern.ident.clone(),
            _ => Ident::new("value", proc_macro2::Span::mixed_site()),
        };
        Some(Role::Sent { field, ident })
    }

    /// With what `#[default]` says.
    fn defaulted(&self, mut field: Field, mistakes: &mut Mistakes) -> Field {
        let Some(attribute) = &self.default else { return field };
        let default = match &attribute.meta {
            Meta::Path(_) => Default::Trait,
            Meta::NameValue(meta) => Default::Expr(Box::new(meta.value.clone())),
            Meta::List(list) => {
                let expr = mistakes.keep(list.parse_args::<Expr>());
                expr.map_or(Default::Trait, |expr| Default::Expr(Box::new(expr)))
            }
        };
        if !matches!(field.default, Default::None) {
            mistakes.under(attribute, "`default` is given twice");
        }
        field.default = default;
        field
    }
}

/// What is said of an attribute that was probably meant to be one of ours.
fn misnamed(path: &Path) -> Option<String> {
    let word = path.get_ident()?.to_string();
    if word == "field" {
        let message = "`#[field]` is for handlers: a caller sends every argument of a function by its name, and \
                       `#[argument(\"name\")]` gives another one";
        return Some(message.to_owned());
    }
    let meant = nearest(&word, &["argument", "default", "extract"])?;
    Some(format!("unknown attribute `{word}`; did you mean `{meant}`?"))
}

/// The extractor in an `Option` or a `Result`: whether it was to be had is then for the function to look at.
fn inner_extractor(ty: &Type) -> Option<String> {
    last_segment(ty).filter(|segment| segment.ident == "Option" || segment.ident == "Result")?;
    let inner = last_segment(generic_types(ty)?.first()?)?.ident.to_string();
    // All that the caller sends is there or is not: `Typed` has no half.
    (EXTRACTORS.contains(&inner.as_str()) && inner != "Typed").then_some(inner)
}

/// What an extractor is, as far as a caller must know.
fn extractor(argument: &PatType, ty: &Type, segment: &str) -> Role {
    let types = generic_types(ty).unwrap_or_default();
    match (segment, &types[..]) {
        ("Channel", [takes]) => Role::Channel { takes: Box::new(takes.clone()), gives: None },
        ("Channel", [takes, gives]) => {
            Role::Channel { takes: Box::new(takes.clone()), gives: Some(Box::new(gives.clone())) }
        }
        ("Typed", [whole]) => Role::Whole { ty: whole.clone(), ident: bound(&argument.pat) },
        _ => Role::Extractor,
    }
}

/// The one name in a pattern such as `Typed(order)`, or `arguments`.
fn bound(pattern: &Pat) -> Ident {
    match pattern {
        Pat::Ident(pattern) => pattern.ident.clone(),
        Pat::TupleStruct(pattern) if pattern.elems.len() == 1 => bound(&pattern.elems[0]),
        _ => Ident::new("arguments", proc_macro2::Span::mixed_site()),
    }
}
