/// A test that the wiring is sound: no handler that can never run, no name that is taken, no pattern that is none.
///
/// `check!()` looks at every annotated function that is linked into the test's program; put it once at the end of
/// `main.rs` or `lib.rs`. With the program's own builder it checks all that [`build`](crate::server::Builder::build)
/// does, the states that handlers need among it. The test is called `wiring_is_sound`; its failure tells every mistake
/// with its file and line.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::server::Builder;
///
/// #[handler]
/// async fn greet(State(name): State<String>) -> serde_json::Value {
///     json!({"hello": name})
/// }
///
/// fn api() -> Builder {
///     Server::builder().register(greet).state("world".to_owned())
/// }
///
/// asyncapy::check!(api());
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! check {
    () => {
        #[test]
        fn wiring_is_sound() {
            if let ::std::result::Result::Err(error) = $crate::Server::builder().linked().check() {
                ::std::panic!("{error}");
            }
        }
    };
    ($builder:expr $(,)?) => {
        #[test]
        fn wiring_is_sound() {
            let builder: $crate::server::Builder = $builder;
            if let ::std::result::Result::Err(error) = builder.build() {
                ::std::panic!("{error}");
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::Server;

    // What `linked` finds in this crate's own tests is sound too.
    crate::check!();

    mod of_a_builder {
        crate::check!(crate::Server::builder().state(1u8));
    }

    #[test]
    fn both_forms_say_what_is_wrong() {
        let wrong = || Server::builder().header_size(3);
        assert_eq!(wrong().check().unwrap_err().to_string(), wrong().build().unwrap_err().to_string());
    }
}
