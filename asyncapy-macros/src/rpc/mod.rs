//! `#[rpc]`: the function as it is written, its registration, and its stub.
//!
//! - [`options`]: what stands in the attribute.
//! - [`function`]: what stands below it; [`argument`] is one argument, [`returns`] what it gives.
//! - [`description`], [`build`] and [`stub`]: what is written out.

pub(crate) mod argument;
pub(crate) mod build;
pub(crate) mod description;
pub(crate) mod function;
pub(crate) mod options;
pub(crate) mod returns;
pub(crate) mod stub;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Signature, Token, Visibility};

use crate::mistakes::Mistakes;
use crate::signature::other_item;
use build::Callee;
use function::{Function, KIND, Receiver};
use options::Options;

/// Expands the attribute. As with `#[handler]` the function comes first whatever is wrong.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = Options::parse(arguments, options::FUNCTION, &mut mistakes);
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
        let errors = mistakes.into_compile_errors();
        return quote!(#item #errors);
    };
    let private = {
        let library = options.library();
        quote!(#library::__private)
    };
    let remote = options.remote;
    if remote.is_some() {
        options.for_a_caller(&mut mistakes);
    }
    let has_body = syn::parse2::<Token![;]>(body.clone()).is_err();
    match remote {
        Some(span) if has_body => {
            mistakes.at(span, "the function runs elsewhere: end it with `;` instead of a body");
        }
        // A method has its own mistake.
        None if !has_body && signature.receiver().is_none() => {
            let message = "a function without a body runs elsewhere: say so with `#[rpc(remote)]`";
            mistakes.under(&body, message);
        }
        _ => {}
    }
    let function =
        Function::read(&attributes, &visibility, &mut signature, Receiver::Refused, options, &mut mistakes);
    let item = has_body.then(|| quote!(#(#attributes)* #visibility #signature #body));
    let written = function.map(|function| {
        let stub = stub::write(&function, &private);
        let registration = remote.is_none().then(|| registration(&function, &private));
        quote!(#stub #registration)
    });
    let errors = mistakes.into_compile_errors();
    quote!(#item #written #errors)
}

/// The one registration that the library collects at link time.
fn registration(function: &Function, private: &TokenStream) -> TokenStream {
    let Function { name, cfgs, .. } = function;
    let requires = build::requires(function, private);
    let build = build::write(function, &Callee::Function, private);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #[allow(deprecated, reason = "who marks a function so still serves it")]
        const _: () = {
            #private::inventory::submit! {
                #private::FunctionRegistration {
                    function: #name::FUNCTION,
                    type_id: || #private::type_id_of(&#name),
                    requires: #requires,
                    build: || #build,
                }
            }
        };
    }
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

    const SUM: &str = "/// Adds.\n///\n/// More.\npub async fn sum(a: i64, b: i64) -> i64 { a + b }";

    #[test]
    fn the_function_comes_first_and_as_it_was() {
        for arguments in ["", "group = \"a\"", "gruop = \"a\"", "private(\"x\")", "%"] {
            assert!(expand(arguments, SUM).starts_with(&tokens(SUM)), "{arguments}");
        }
        assert!(expand("", "struct Sum;").starts_with(&tokens("struct Sum;")));
        let item = "fn f(#[default = 5] #[argument(\"x\")] #[allow(unused)] a: u32, #[extract] b: B) {}";
        assert!(expand("", item).starts_with(&tokens("fn f(#[allow(unused)] a: u32, b: B) {}")));
    }

    #[test]
    fn the_description_says_what_the_attribute_and_the_signature_say() {
        let arguments =
            "group = \"math\", name = \"add\", timeout = \"2s\", idempotent, private(\"unix\", own::check)";
        let expansion = expand(arguments, SUM);
        for expected in [
            "name : \"add\"",
            "group : \"math\"",
            "from_millis (2000u64)",
            "idempotent : true",
            "doc : \"Adds.\"",
            "Place :: Unix",
            "Place :: Check (own :: check)",
            "Parameter :: new (\"b\" , \"i64\" , true)",
            "Returns :: new (\"i64\" , \"\" , \"\" , \"\")",
            "& 'static :: core :: primitive :: str = \"math.add\"",
        ] {
            assert!(expansion.contains(expected), "{expected} in {expansion}");
        }
        assert!(!expansion.contains("compile_error"), "{expansion}");
        assert!(expand("crate = \"a::b\"", SUM).contains("a :: b :: __private"));
    }

    #[test]
    fn the_types_decide_what_goes_each_way() {
        let cases = [
            ("fn f() -> u32 {}", "Unary", ("u32", "", "", "")),
            ("fn f() {}", "Unary", ("()", "", "", "")),
            ("fn f() -> Result<Vec<u8>, E> {}", "Unary", ("Vec<u8>", "E", "", "")),
            ("fn f() -> io::Result<u8> {}", "Unary", ("u8", "", "", "")),
            ("fn f() -> Streaming<impl Stream<Item = u8>> {}", "ServerStream", ("", "", "", "u8")),
            ("fn f() -> Streaming<S> {}", "ServerStream", ("", "", "", "S")),
            ("fn f() -> Result<Streaming<S>, E> {}", "ServerStream", ("", "E", "", "S")),
            (
                "fn f() -> Streaming<impl Stream<Item = Result<u8, E>> + Send> {}",
                "ServerStream",
                ("", "E", "", "u8"),
            ),
            ("fn f(c: Channel<u8>) -> u32 {}", "ClientStream", ("u32", "", "u8", "")),
            ("fn f(c: rpc::Channel<u8, (A, B)>) {}", "Duplex", ("()", "", "u8", "(A, B)")),
        ];
        for (item, shape, (result, error, takes, gives)) in cases {
            let expansion = expand("", item);
            assert!(expansion.contains(&format!("Shape :: {shape}")), "{item}");
            let returns = format!("new (\"{result}\" , \"{error}\" , \"{takes}\" , \"{gives}\")");
            assert!(expansion.contains(&returns), "{returns} in {expansion}");
        }
    }

    #[test]
    fn what_the_caller_sends_is_told_by_the_types() {
        let item = "fn f(a: Option<u8>, b: Option<Session>, c: Result<State<u8>, Rejection>, d: Peer, #[argument] e: Client) {}";
        let expansion = expand("", item);
        assert_eq!(expansion.matches("Parameter :: new").count(), 2, "{expansion}");
        for sent in ["(\"a\" , \"Option<u8>\" , false)", "(\"e\" , \"Client\" , true)"] {
            assert!(expansion.contains(sent), "{sent} in {expansion}");
        }
    }

    #[test]
    fn a_function_that_runs_elsewhere_has_a_stub_alone() {
        let expansion = expand("remote", "async fn f(a: u32) -> Result<u8, E>;");
        assert!(expansion.contains("struct f") && expansion.contains("CallError < E >"), "{expansion}");
        assert!(!expansion.contains("Registration") && !expansion.contains("compile_error"), "{expansion}");
    }

    #[test]
    fn every_mistake_is_told_and_what_is_whole_is_registered() {
        let expansion =
            expand("naem = \"a\", timeout = 0, private(\"x\"), group = 5, idempotent, idempotent", SUM);
        assert_eq!(expansion.matches("compile_error").count(), 5, "{expansion}");
        assert!(expansion.contains("FunctionRegistration"), "{expansion}");
        for item in ["fn f(&self) {}", "fn f<T>(a: T) {}", "unsafe fn f() {}", "fn f(a: &str) {}"] {
            let expansion = expand("", item);
            let whole = expansion.contains("Registration") || expansion.contains("struct");
            assert!(expansion.contains("compile_error") && !whole, "{expansion}");
        }
    }
}
