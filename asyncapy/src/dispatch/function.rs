//! Functions as `register` takes them.

use std::any::TypeId;
use std::future::Future;

use crate::handler::{ErasedHandler, Extract, IntoReply, Requirements, handler};

/// A function that may carry `#[handler]` or `#[rpc]`; whether it does is seen when the server is built.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an annotated function",
    label = "not a function with `#[handler]` or `#[rpc]`",
    note = "`register` takes it by its name: `.register(echo)`; a `#[service]` goes to `.service(..)`"
)]
pub trait AnnotatedFn<Arguments>: Copy + 'static {
    #[doc(hidden)]
    fn type_id(&self) -> TypeId {
        TypeId::of::<Self>()
    }
}

/// An async function or closure that was not annotated; its arguments are extractors, its value a reply.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler function",
    note = "`register_fn` takes an async function or closure whose arguments are extractors and whose value is a reply"
)]
pub trait PlainFn<Arguments>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn erase(self) -> Box<dyn ErasedHandler>;

    #[doc(hidden)]
    fn require(requirements: &mut Requirements);
}

macro_rules! functions {
    ($($argument:ident)*) => {
        impl<Function, Output, $($argument,)*> AnnotatedFn<($($argument,)*)> for Function
        where
            Function: Fn($($argument),*) -> Output + Copy + 'static,
        {}

        impl<Function, Output, $($argument,)*> PlainFn<($($argument,)*)> for Function
        where
            Function: Fn($($argument),*) -> Output + Clone + Send + Sync + 'static,
            Output: Future + Send + 'static,
            Output::Output: IntoReply,
            $($argument: Extract,)*
        {
            fn erase(self) -> Box<dyn ErasedHandler> {
                #[allow(unused_variables, reason = "a function without arguments takes nothing from the request")]
                handler(move |request| Ok(self($($argument::extract(request)?),*)))
            }

            #[allow(unused_variables, reason = "a function without arguments needs nothing")]
            fn require(requirements: &mut Requirements) {
                $($argument::require(requirements);)*
            }
        }
    };
}

functions!();
functions!(A0);
functions!(A0 A1);
functions!(A0 A1 A2);
functions!(A0 A1 A2 A3);
functions!(A0 A1 A2 A3 A4);
functions!(A0 A1 A2 A3 A4 A5);
functions!(A0 A1 A2 A3 A4 A5 A6);
functions!(A0 A1 A2 A3 A4 A5 A6 A7);
functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8);
functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9);
functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
