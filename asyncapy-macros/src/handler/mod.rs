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

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(arguments: &str, item: &str) -> String {
        super::expand(arguments.parse().unwrap(), item.parse().unwrap()).to_string()
    }

    /// As the tokens are printed.
    fn tokens(text: &str) -> String {
        text.parse::<TokenStream>().unwrap().to_string()
    }

    const LOGIN: &str =
        "/// Lets a user in.\n///\n/// More.\npub async fn login(user: String) -> Reply { user.into() }";

    #[test]
    fn the_function_comes_first_and_as_it_was() {
        let expected = tokens(LOGIN);
        for arguments in ["", "group = 1", "gruop = 1", "fields(user = \"(\")", "%"] {
            assert!(expand(arguments, LOGIN).starts_with(&expected), "{arguments}");
        }
        let broken = "async fn login(";
        assert!(expand("", &format!("{broken})")).starts_with(&tokens("async fn login()")));
        assert!(expand("", "struct Login;").starts_with(&tokens("struct Login;")));
    }

    #[test]
    fn the_attributes_of_arguments_are_taken_off_and_no_others() {
        let item = "fn login(#[field(\"name\", default)] #[allow(unused)] user: String) {}";
        let expansion = expand("", item);
        assert!(expansion.starts_with(&tokens("fn login(#[allow(unused)] user: String) {}")), "{expansion}");
    }

    #[test]
    fn the_registration_says_what_the_attribute_says() {
        let arguments =
            "group = -1, order = 2, timeout = \"2m\", fields(user = \"a\", r#type, ..), ip = \"::1\"";
        let expansion = expand(arguments, LOGIN);
        for expected in [
            "name : \"login\"",
            "group : - 1",
            "order : 2",
            "from_millis (120000u64)",
            "doc : \"Lets a user in.\"",
            "\"type\" , :: core :: option :: Option :: None",
            "ip (& [\"::1\"])",
        ] {
            assert!(expansion.contains(expected), "{expected} in {expansion}");
        }
        assert!(!expansion.contains("compile_error"), "{expansion}");
        assert!(expand("crate = \"a::b\"", LOGIN).contains("a :: b :: __private"));
    }

    #[test]
    fn every_mistake_is_told_and_the_rest_is_registered() {
        let arguments =
            "group = \"x\", ip = [], nmae = \"a\", timeout = 0, order = 5, order = 6, fields(a, a)";
        let expansion = expand(arguments, LOGIN);
        assert_eq!(expansion.matches("compile_error").count(), 6, "{expansion}");
        assert!(expansion.contains("order : 5"), "{expansion}");
    }

    #[test]
    fn what_cannot_be_registered_is_not() {
        for item in ["async fn f(&self) {}", "fn f<T>(a: T) {}", "unsafe fn f() {}", "fn f(a: &str) {}"] {
            let expansion = expand("", item);
            assert!(
                expansion.contains("compile_error") && !expansion.contains("Registration"),
                "{expansion}"
            );
        }
    }
}
