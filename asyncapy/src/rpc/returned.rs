//! From what a function returns to what is written: the macros' output asks these for one concrete type after another.
//!
//! The type of a function's value decides: a `Result` is taken apart first, then a `Streaming` gives items and anything
//! else is a value. Called on a reference to references, a method is looked for with all of them first and then with
//! one less at a time: so the special cases have the most. The last case takes any type, and says what it lacks.

use std::convert::Infallible;
use std::fmt::Display;

use futures_core::Stream;
use serde::Serialize;

use super::answer::Failed;
use super::body::{Items, Value};
use super::{Status, Streaming};
use crate::error::Failure;

/// Something that is about to be looked at.
#[derive(Debug)]
pub struct Returned<T>(Option<T>);

impl<T> Returned<T> {
    /// Looks at a value.
    pub fn new(value: T) -> Self {
        Self(Some(value))
    }

    fn take(&mut self) -> T {
        match self.0.take() {
            Some(value) => value,
            None => unreachable!("it is looked at once"),
        }
    }
}

/// `Result<T, E>` is taken apart.
pub trait SplitResult {
    /// What is good.
    type Value;
    /// What is not.
    type Error;

    /// Takes it apart.
    fn split(&mut self) -> Result<Self::Value, Self::Error>;
}

impl<T, E> SplitResult for &mut Returned<Result<T, E>> {
    type Value = T;
    type Error = E;

    fn split(&mut self) -> Result<T, E> {
        self.take()
    }
}

/// Anything else is good.
pub trait SplitValue {
    /// What is good.
    type Value;

    /// It cannot fail.
    fn split(&mut self) -> Result<Self::Value, Infallible>;
}

impl<T> SplitValue for Returned<T> {
    type Value = T;

    fn split(&mut self) -> Result<T, Infallible> {
        Ok(self.take())
    }
}

/// `Streaming<S>` gives items.
pub trait IntoItems {
    /// What it streams.
    type Stream: Stream;

    /// The items; `map` takes one apart.
    fn body<T, M>(&mut self, map: M) -> Items<Self::Stream, M>
    where
        M: FnMut(<Self::Stream as Stream>::Item) -> Result<T, Failed>;
}

impl<S: Stream> IntoItems for &mut Returned<Streaming<S>> {
    type Stream = S;

    fn body<T, M>(&mut self, map: M) -> Items<S, M>
    where
        M: FnMut(S::Item) -> Result<T, Failed>,
    {
        Items::new(self.take().into_inner(), map)
    }
}

/// Anything else is a value.
pub trait IntoValue {
    /// Its type.
    type Value;

    /// The value; there are no items to be mapped.
    fn body<T, M>(&mut self, map: M) -> Value<Self::Value>
    where
        M: FnMut(Infallible) -> Result<T, Failed>;
}

impl<V> IntoValue for Returned<V> {
    type Value = V;

    fn body<T, M>(&mut self, _: M) -> Value<V>
    where
        M: FnMut(Infallible) -> Result<T, Failed>,
    {
        Value(self.take())
    }
}

/// An error that serde can write and that has a code: all of it travels.
pub trait FailWithAll {
    /// What is told.
    fn failed(&mut self) -> Failed;
}

impl<E: Failure + Serialize + Send + 'static> FailWithAll for &mut &mut &mut Returned<E> {
    fn failed(&mut self) -> Failed {
        let error = self.take();
        Failed::of(&error).with_details(error)
    }
}

/// What another call has said travels on as it is. Serde cannot write it: its details have an encoding already.
impl FailWithAll for &mut &mut &mut Returned<Status> {
    fn failed(&mut self) -> Failed {
        Failed::passed_on(self.take())
    }
}

/// An error that has a code.
pub trait FailWithCode {
    /// What is told.
    fn failed(&mut self) -> Failed;
}

impl<E: Failure> FailWithCode for &mut &mut Returned<E> {
    fn failed(&mut self) -> Failed {
        Failed::of(&self.take())
    }
}

/// An error that can be read by people and that serde can write.
pub trait FailWithMessage {
    /// What is told.
    fn failed(&mut self) -> Failed;
}

impl<E: Display + Serialize + Send + 'static> FailWithMessage for &mut Returned<E> {
    fn failed(&mut self) -> Failed {
        let error = self.take();
        Failed::plain(Some(error.to_string())).with_details(error)
    }
}

/// What can be told to a caller as an error; it is here for what the compiler says of what cannot.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be told to the caller",
    label = "neither serializable nor a failure",
    note = "derive serde's `Serialize` for the error, and the caller gets it back; or `#[derive(Failure)]`, and it gets \
            a code and a message"
)]
pub trait ToldToCaller: Serialize + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<E: Serialize + Send + 'static> ToldToCaller for E {}

/// An error that serde can write.
pub trait FailWithDetails {
    /// Its type.
    type Error;

    /// What is told.
    fn failed(&mut self) -> Failed
    where
        Self::Error: ToldToCaller;
}

impl<E> FailWithDetails for Returned<E> {
    type Error = E;

    fn failed(&mut self) -> Failed
    where
        E: ToldToCaller,
    {
        Failed::plain(None).with_details(self.take())
    }
}

/// There is no error.
impl Returned<Infallible> {
    /// Never called.
    pub fn failed(&mut self) -> Failed {
        match self.0.take() {
            Some(never) => match never {},
            None => unreachable!("there is no error"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn is_items<S, M>(_: &Items<S, M>) -> bool {
        true
    }

    /// An error as it would be told.
    macro_rules! told {
        ($error:expr) => {
            format!("{:?}", (&mut &mut &mut &mut Returned::new($error)).failed())
        };
    }

    #[test]
    #[allow(clippy::needless_borrow, reason = "the references are what decides")]
    fn the_type_decides() {
        let mut result = Returned::new(Ok::<u32, Code>(1));
        assert_eq!((&mut &mut result).split().ok(), Some(1));
        let mut plain = Returned::new(2u32);
        assert_eq!((&mut &mut plain).split(), Ok(2));

        let mut value = Returned::new(String::from("a"));
        assert_eq!((&mut &mut value).body(|_| Ok::<(), Failed>(())).0, "a");
        let mut items = Returned::new(Streaming::iter([1, 2]));
        assert!(is_items(&(&mut &mut items).body(Ok)));

        assert_eq!(told!(Code::Overloaded), "Failed(Overloaded)");
        assert!(told!("no").contains("HandlerFailed"));
        assert!(told!(vec![1]).contains("HandlerFailed"));
    }
}
