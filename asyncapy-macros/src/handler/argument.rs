use syn::{Attribute, PatType, Type};

use super::function::KIND;
use crate::field::{Default, Field};
use crate::mistakes::Mistakes;
use crate::types::{last_segment, owned};

/// One argument of the function.
pub(crate) struct Argument {
    pub(crate) ty: Type,
    /// The `#[field]` it has; without one its type is an extractor.
    pub(crate) field: Option<Field>,
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
            fields.first().and_then(|attribute| Field::parse(attribute, &argument.pat, "field", mistakes));
        owned(&argument.ty, &KIND, mistakes);
        Self { ty: (*argument.ty).clone(), field }
    }

    /// Whether a packet without this field is rejected.
    pub(crate) fn required_field(&self) -> Option<&Field> {
        let optional = last_segment(&self.ty).is_some_and(|segment| segment.ident == "Option");
        self.field.as_ref().filter(|field| !optional && matches!(field.default, Default::None))
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
