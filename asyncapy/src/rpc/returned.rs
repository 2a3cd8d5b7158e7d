//! From what a function returns to what is written: the macros' output asks these for one concrete type after another.
//!
//! The type of a function's value decides: a `Result` is taken apart first, then a `Streaming` gives items and anything
//! else is a value. Rust picks the method that needs the fewest references, so the special cases stand where they
//! need none.

use std::convert::Infallible;
use std::fmt::Display;

use futures_core::Stream;
use serde::Serialize;

use super::Streaming;
use super::answer::Failed;
use super::body::{Items, Value};
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

impl<T, E> SplitResult for Returned<Result<T, E>> {
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

impl<T> SplitValue for &mut Returned<T> {
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

impl<S: Stream> IntoItems for Returned<Streaming<S>> {
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

#[diagnostic::do_not_recommend]
impl<V> IntoValue for &mut Returned<V>
where
    V: Serialize + Send + 'static,
{
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

impl<E: Failure + Serialize + Send + 'static> FailWithAll for Returned<E> {
    fn failed(&mut self) -> Failed {
        let error = self.take();
        Failed::of(&error).with_details(error)
    }
}

/// An error that has a code.
pub trait FailWithCode {
    /// What is told.
    fn failed(&mut self) -> Failed;
}

impl<E: Failure> FailWithCode for &mut Returned<E> {
    fn failed(&mut self) -> Failed {
        Failed::of(&self.take())
    }
}

/// An error that can be read by people and that serde can write.
pub trait FailWithMessage {
    /// What is told.
    fn failed(&mut self) -> Failed;
}

impl<E: Display + Serialize + Send + 'static> FailWithMessage for &mut &mut Returned<E> {
    fn failed(&mut self) -> Failed {
        let error = self.take();
        Failed::plain(Some(error.to_string())).with_details(error)
    }
}

/// An error that serde can write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be told to the caller",
    note = "derive serde's `Serialize` for the error, or `#[derive(Failure)]`"
)]
pub trait FailWithDetails {
    /// What is told.
    fn failed(&mut self) -> Failed;
}

impl<E: Serialize + Send + 'static> FailWithDetails for &mut &mut &mut Returned<E> {
    fn failed(&mut self) -> Failed {
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

    #[test]
    fn the_type_decides() {
        let mut result = Returned::new(Ok::<u32, Code>(1));
        assert_eq!((&mut &mut result).split().ok(), Some(1));
        let mut plain = Returned::new(2u32);
        assert_eq!((&mut &mut plain).split(), Ok(2));

        let mut value = Returned::new(String::from("a"));
        assert_eq!((&mut &mut value).body(|_| Ok::<(), Failed>(())).0, "a");
        let mut items = Returned::new(Streaming::iter([1, 2]));
        assert!(is_items(&(&mut &mut items).body(|item| Ok(item))));

        let mut code = Returned::new(Code::Overloaded);
        assert_eq!(format!("{:?}", (&mut &mut &mut &mut code).failed()), "Failed(Overloaded)");
        let mut text = Returned::new("no");
        assert!(format!("{:?}", (&mut &mut &mut &mut text).failed()).contains("HandlerFailed"));
        let mut list = Returned::new(vec![1]);
        assert!(format!("{:?}", (&mut &mut &mut &mut list).failed()).contains("HandlerFailed"));
    }
}
