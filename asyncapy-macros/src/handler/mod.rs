//! `#[handler]`: the function as it is written, one registration, and checks under the tokens they concern.
//!
//! - [`arguments`]: what stands in the attribute; [`fields`], [`pattern`] and [`address`] are its larger parts.
//! - [`function`]: what stands below it; [`argument`] is one argument of the function.
//! - [`registration`] and [`checks`]: what is written out.

mod address;
mod argument;
mod arguments;
mod checks;
mod fields;
mod function;
mod pattern;
mod registration;

use proc_macro2::TokenStream;
use quote::quote;

use crate::mistakes::Mistakes;
use arguments::Arguments;
use function::Function;

/// Expands the attribute. The function comes first whatever is wrong, so that an editor keeps working; with what is
/// right the registration and the checks are written even so, that one build tells all mistakes.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let arguments = Arguments::parse(arguments, &mut mistakes);
    let (item, function) = Function::parse(item, &mut mistakes);
    let Some(function) = function else {
        let errors = mistakes.into_compile_errors();
        return quote!(#item #errors);
    };
    checks::needed_fields(&arguments, &function, &mut mistakes);
    let registration = registration::write(&arguments, &function);
    let checks = checks::write(&arguments, &function);
    let errors = mistakes.into_compile_errors();
    quote!(#item #registration #checks #errors)
}
