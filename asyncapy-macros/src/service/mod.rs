//! `#[service]`: a trait or an impl as it is written, a client with its methods, and what serves them.
//!
//! - [`method`]: which methods are served, and what is known of them.
//! - [`contract`]: a trait; [`state`]: an impl.
//! - [`client`] and [`served`]: what is written out for both.

mod client;
mod contract;
mod method;
mod served;
mod state;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Generics, Ident, Item, LitStr};

use crate::mistakes::Mistakes;
use crate::rpc::function::Function;
use crate::rpc::options::{Options, SERVICE};

/// A service, as far as what is written out for it must know.
pub(crate) struct Service {
    /// The name on the wire: the group of its methods.
    pub(crate) group: String,
    /// What the methods have unless they say otherwise.
    pub(crate) options: Options,
    /// `::asyncapy::__private`.
    pub(crate) private: TokenStream,
    /// Those that are served.
    pub(crate) methods: Vec<Function>,
}

/// Expands the attribute. The item comes first whatever is wrong.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = Options::parse(arguments, SERVICE, &mut mistakes);
    let (item, written) = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Trait(item)) => contract::expand(item, options, &mut mistakes),
        Ok(Item::Impl(item)) => state::expand(item, options, &mut mistakes),
        Ok(other) => {
            let message = "`#[service]` goes on a `trait`, or on an `impl` without one";
            mistakes.at(first_span(&other), message);
            (item, TokenStream::new())
        }
        Err(error) => {
            mistakes.push(error);
            (item, TokenStream::new())
        }
    };
    let errors = mistakes.into_compile_errors();
    quote!(#item #written #errors)
}

impl Service {
    /// A service called as `name` says in the source, unless its options do.
    fn new(name: &Ident, mut options: Options, mistakes: &mut Mistakes) -> Self {
        if let (Some(name), Some(_)) = (&options.name, &options.group) {
            mistakes.at(name.span(), "`name` and `group` are the same for a service: give one of them");
        }
        let given = options.group.take().or(options.name.take());
        let group = given.unwrap_or_else(|| LitStr::new(&snake_case(&name.to_string()), name.span()));
        let library = options.library();
        let text = group.value();
        options.group = Some(group);
        Self { group: text, options, private: quote!(#library::__private), methods: Vec::new() }
    }

    /// Adds a method, unless another has its name.
    fn add(&mut self, method: Option<Function>, mistakes: &mut Mistakes) {
        let Some(method) = method else { return };
        if self.methods.iter().any(|before| before.full_name == method.full_name) {
            let span = method.options.name.as_ref().map_or(method.span(), LitStr::span);
            mistakes.at(span, format!("another method is called `{}` already", method.full_name));
            return;
        }
        self.methods.push(method);
    }
}

/// A service has one set of types: refuses generics.
fn refuse_generics(generics: &Generics, mistakes: &mut Mistakes) {
    if !generics.params.is_empty() {
        let message = "a service cannot be generic: the types of its methods say what goes over the wire";
        mistakes.under(&generics.params, message);
    }
}

/// `HttpStore`, `HTTPStore` to `http_store`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.trim_start_matches("r#").chars().collect();
    let mut snake = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(place + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before != '_' && (!before.is_uppercase() || after.is_some_and(|after| after.is_lowercase()))
            });
        if begins {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Where an item begins, behind its attributes.
fn first_span(item: &impl ToTokens) -> Span {
    item.to_token_stream().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(arguments: &str, item: &str) -> String {
        super::expand(arguments.parse().unwrap(), item.parse().unwrap()).to_string()
    }

    #[test]
    fn names_come_from_those_in_the_source() {
        let names = ["Bank", "HttpStore", "HTTPStore", "Store2Go", "a_b", "X"].map(snake_case);
        assert_eq!(names, ["bank", "http_store", "http_store", "store2_go", "a_b", "x"]);
    }

    #[test]
    fn a_trait_has_futures_that_can_be_sent() {
        let item = "pub trait Bank { async fn balance(&self, id: u64) -> u64; fn all(&self) -> u64 { 1 } }";
        let expansion = expand("", item);
        for expected in [
            "fn balance (& self , id : u64) -> impl :: core :: future :: Future < Output = u64 >",
            "fn all (& self) -> u64 { 1 }",
            "pub struct BankClient < __C >",
            "pub struct BankServer < __S >",
            "\"bank.balance\"",
        ] {
            assert!(expansion.contains(expected), "{expected} in {expansion}");
        }
        assert!(!expansion.contains("compile_error"), "{expansion}");
    }

    #[test]
    fn an_impl_stays_as_it_is() {
        let item = "impl Counter { pub async fn add (& self , n : u64) -> u64 { n } fn new () -> Self { Self } \
                    # [doc = r\" Kept.\"] fn kept (& self) { } }";
        let expansion = expand("name = \"count\"", &item.replace("fn kept", "#[rpc(skip)] fn kept"));
        assert!(expansion.starts_with(item), "{expansion}");
        assert!(expansion.contains("\"count.add\"") && !expansion.contains("count.kept"), "{expansion}");
        assert!(expansion.contains("pub struct CounterClient"), "{expansion}");
    }

    #[test]
    fn every_mistake_is_told() {
        let item = "trait Bank<T> { type X; async fn a(&mut self); async fn b(&self, x: &str); \
                    #[rpc(name = \"b\")] fn c(&self) -> impl Sized; fn d(&self); #[rpc(name = \"d\")] fn e(&self); }";
        let expansion = expand("nmae = \"x\"", item);
        assert_eq!(expansion.matches("compile_error").count(), 7, "{expansion}");
        assert!(expand("", "struct Bank;").contains("compile_error"));
    }
}
