use quote::ToTokens;
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeImplTrait, TypeParamBound, parse_quote};

use crate::mistakes::Mistakes;
use crate::span::can_be_named;
use crate::types::{as_text, borrowed, generic_types, last_segment, ungroup};

/// What a function gives, as far as its return type's tokens tell.
pub(crate) struct Returns {
    /// The return type as it is written.
    pub(crate) written: Type,
    pub(crate) value: Value,
    pub(crate) error: Error,
}

/// What is good.
pub(crate) enum Value {
    One(Box<Type>),
    /// `Streaming<..>`.
    Items(Box<Items>),
}

/// What a stream gives.
pub(crate) struct Items {
    /// The type of an item, where it can be told.
    pub(crate) item: Option<Type>,
    /// That of the error that an item can be.
    pub(crate) error: Option<Type>,
    /// That of the stream.
    pub(crate) stream: Type,
}

/// What is not.
pub(crate) enum Error {
    /// The return type is no `Result`.
    None,
    /// The `Result` does not name it, or it is one of the library's own: the caller gets a `Status`.
    Status(Option<Type>),
    /// The caller gets it back.
    Own(Type),
}

/// Errors of the library that cannot be read back: the caller gets them as a `Status`, which says as much.
const TOLD_AS_STATUS: &[&str] = &["Status", "Code", "Rejection", "Error", "Infallible"];

impl Error {
    /// Its type, where that is written.
    pub(crate) fn ty(&self) -> Option<&Type> {
        match self {
            Error::None => None,
            Error::Status(error) => error.as_ref(),
            Error::Own(error) => Some(error),
        }
    }

    fn into_type(self) -> Option<Type> {
        match self {
            Error::None => None,
            Error::Status(error) => error,
            Error::Own(error) => Some(error),
        }
    }
}

impl Returns {
    /// The type of the error that an item of its stream can be, where that is written.
    pub(crate) fn item_error(&self) -> Option<&Type> {
        match &self.value {
            Value::Items(items) => items.error.as_ref(),
            Value::One(_) => None,
        }
    }

    /// Reads a return type; `item` is what the attribute says of a stream's items.
    pub(crate) fn parse(output: &ReturnType, item: Option<&Type>, mistakes: &mut Mistakes) -> Option<Self> {
        let before = mistakes.count();
        let written: Type = match output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let (good, error) = split_result(&written);
        let streamed = streamed(&good);
        let value = match streamed {
            Some(stream) => {
                let (told, error) = match item {
                    Some(item) => (Some(item.clone()), None),
                    None => item_of(&stream, mistakes).unzip(),
                };
                Value::Items(Box::new(Items { item: told, error: error.flatten(), stream }))
            }
            None => Value::One(Box::new(good)),
        };
        if let (Some(item), Value::One(_)) = (item, &value) {
            mistakes.under(item, "`item` is for streams: this function returns no `Streaming<..>`");
        }
        if let Value::One(ty) = &value
            && !misplaced(ty, mistakes)
        {
            nameable(ty, mistakes);
        }
        if let Some(ty) = error.ty() {
            nameable(ty, mistakes);
        }
        (mistakes.count() == before).then_some(Self { written, value, error })
    }
}

/// `T` and `E` of a `Result<T, E>`.
fn split_result(ty: &Type) -> (Type, Error) {
    let types =
        generic_types(ty).filter(|_| last_segment(ty).is_some_and(|segment| segment.ident == "Result"));
    match types.as_deref() {
        Some([good]) => (good.clone(), Error::Status(None)),
        Some([good, error]) => {
            let name = last_segment(error).map(|segment| segment.ident.to_string()).unwrap_or_default();
            let error = match TOLD_AS_STATUS.contains(&name.as_str()) {
                true => Error::Status(Some(error.clone())),
                false => Error::Own(error.clone()),
            };
            (good.clone(), error)
        }
        _ => (ty.clone(), Error::None),
    }
}

/// `S` of a `Streaming<S>`.
fn streamed(ty: &Type) -> Option<Type> {
    last_segment(ty).filter(|segment| segment.ident == "Streaming")?;
    match generic_types(ty)?.as_slice() {
        [stream] => Some(stream.clone()),
        _ => None,
    }
}

/// Types of items, never of streams: to write one where the stream belongs is an easy mistake.
const NO_STREAMS: &[&str] = &[
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64",
    "bool", "char", "str", "String", "Vec", "VecDeque", "HashMap", "BTreeMap", "Option", "Result", "Bytes",
    "Value",
];

/// Whether it is told that there is no stream in a `Streaming`.
fn no_stream(stream: &Type, mistakes: &mut Mistakes) -> bool {
    let none = match ungroup(stream) {
        Type::Tuple(_) | Type::Array(_) => true,
        ty => last_segment(ty).is_some_and(|segment| NO_STREAMS.iter().any(|name| segment.ident == name)),
    };
    if none {
        let item = as_text(stream);
        let message = format!(
            "a `Streaming` holds a stream: for these items write `Streaming<impl Stream<Item = {item}>>`"
        );
        mistakes.under(stream, message);
    }
    none
}

/// `T` of an `impl Stream<Item = T>`; `T` and `E` of `Item = Result<T, E>`.
fn item_of(stream: &Type, mistakes: &mut Mistakes) -> Option<(Type, Option<Type>)> {
    if no_stream(stream, mistakes) {
        return None;
    }
    let Type::ImplTrait(stream) = ungroup(stream) else { return None };
    let item = stream.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(ty) if ty.ident == "Item" => Some(ty.ty.clone()),
            _ => None,
        })
    });
    let Some(item) = item else {
        mistakes.under(stream, "what the stream gives must be told: `impl Stream<Item = u32>`");
        return None;
    };
    let (good, error) = split_result(&item);
    nameable(&good, mistakes);
    Some((good, error.into_type()))
}

/// Refuses a stream that is not returned as such, and a future where there should be an `async fn`.
fn misplaced(ty: &Type, mistakes: &mut Mistakes) -> bool {
    let message = match ungroup(ty) {
        Type::ImplTrait(bounds) if has_bound(bounds, &["Stream", "Iterator"]) => {
            "a stream goes to the caller as a `Streaming`: write `Streaming<impl Stream<Item = u32>>`"
        }
        Type::ImplTrait(bounds) if has_bound(bounds, &["Future"]) => {
            "write an `async fn` and the type of its result: that is what the caller gets"
        }
        _ => {
            let types = generic_types(ty).unwrap_or_default();
            let Some(inner) = types.iter().find(|ty| streamed(ty).is_some()) else { return false };
            let message = "a `Streaming` is all that a function gives, or the value of its `Result`";
            mistakes.under(inner, message);
            return true;
        }
    };
    mistakes.under(ty, message);
    true
}

/// Whether one of the traits is among the bounds of an `impl Trait`.
fn has_bound(ty: &TypeImplTrait, names: &[&str]) -> bool {
    ty.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|segment| names.iter().any(|name| segment.ident == name))
        }
        _ => false,
    })
}

/// Refuses what a caller could not name or could not have: it is read anew from bytes.
fn nameable(ty: &Type, mistakes: &mut Mistakes) {
    match borrowed(ty.to_token_stream()) {
        Some((span, "impl")) => {
            mistakes.at(span, "the caller must be able to name what it gets: write the type itself");
        }
        Some((span, _)) => {
            mistakes
                .at(span, "the caller gets a value of its own: return what is owned instead of what borrows");
        }
        None if !can_be_named(ty.to_token_stream()) => {
            mistakes.under(ty, "a function that never returns has no result for its caller");
        }
        None => {}
    }
}

/// The type that a caller gets where a function gives `ty`.
pub(crate) fn received(ty: &Type) -> Type {
    if let Type::Reference(reference) = ungroup(ty)
        && last_segment(&reference.elem).is_some_and(|segment| segment.ident == "str")
    {
        return parse_quote!(::std::string::String);
    }
    ty.clone()
}
