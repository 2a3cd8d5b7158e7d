use std::fmt;
use std::ops::Deref;
use std::sync::LazyLock;

use super::{Filter, Shape};
use crate::handler::{Client, Request, Requirements};
use crate::packet::Packet;

/// Passes where all of its filters pass.
pub struct All(pub(super) Vec<Box<dyn Filter>>);

/// Passes where one of its filters passes.
pub struct Any(pub(super) Vec<Box<dyn Filter>>);

/// Passes where its filter does not.
pub struct Not(pub(super) Box<dyn Filter>);

/// A filter that lives elsewhere: a `static`, so that it can be changed while the server runs.
#[doc(hidden)]
pub struct ByRef<F: 'static>(pub &'static F);

fn join(filters: &[Box<dyn Filter>], word: &str) -> String {
    let parts: Vec<_> = filters.iter().map(|filter| filter.describe()).collect();
    format!("({})", parts.join(word))
}

impl Filter for All {
    fn check(&self, client: &Client, packet: &Packet) -> bool {
        self.0.iter().all(|filter| filter.check(client, packet))
    }

    fn check_request(&self, request: &Request<'_>) -> bool {
        self.0.iter().all(|filter| filter.check_request(request))
    }

    fn shape(&self) -> Shape<'_> {
        Shape::All(&self.0)
    }

    fn require(&self, requirements: &mut Requirements) {
        self.0.iter().for_each(|filter| filter.require(requirements));
    }

    fn mistakes(&self) -> Vec<String> {
        self.0.iter().flat_map(|filter| filter.mistakes()).collect()
    }

    fn describe(&self) -> String {
        join(&self.0, " and ")
    }
}

impl Filter for Any {
    fn check(&self, client: &Client, packet: &Packet) -> bool {
        self.0.iter().any(|filter| filter.check(client, packet))
    }

    fn check_request(&self, request: &Request<'_>) -> bool {
        self.0.iter().any(|filter| filter.check_request(request))
    }

    fn require(&self, requirements: &mut Requirements) {
        self.0.iter().for_each(|filter| filter.require(requirements));
    }

    fn mistakes(&self) -> Vec<String> {
        self.0.iter().flat_map(|filter| filter.mistakes()).collect()
    }

    fn describe(&self) -> String {
        join(&self.0, " or ")
    }
}

impl Filter for Not {
    fn check(&self, client: &Client, packet: &Packet) -> bool {
        !self.0.check(client, packet)
    }

    fn check_request(&self, request: &Request<'_>) -> bool {
        !self.0.check_request(request)
    }

    fn require(&self, requirements: &mut Requirements) {
        self.0.require(requirements);
    }

    fn mistakes(&self) -> Vec<String> {
        self.0.mistakes()
    }

    fn describe(&self) -> String {
        format!("not {}", self.0.describe())
    }
}

/// Forwards everything to the filter behind a reference.
macro_rules! forward {
    ($($generics:tt)*) => {
        impl<$($generics)* {
            fn check(&self, client: &Client, packet: &Packet) -> bool {
                self.inner().check(client, packet)
            }

            fn check_request(&self, request: &Request<'_>) -> bool {
                self.inner().check_request(request)
            }

            fn shape(&self) -> Shape<'_> {
                self.inner().shape()
            }

            fn require(&self, requirements: &mut Requirements) {
                self.inner().require(requirements);
            }

            fn mistakes(&self) -> Vec<String> {
                self.inner().mistakes()
            }

            fn describe(&self) -> String {
                self.inner().describe()
            }
        }
    };
}

trait Inner {
    type Filter: Filter;
    fn inner(&self) -> &Self::Filter;
}

impl<F: Filter> Inner for ByRef<F> {
    type Filter = F;
    fn inner(&self) -> &F {
        self.0
    }
}

impl<F: Filter> Inner for LazyLock<F> {
    type Filter = F;
    fn inner(&self) -> &F {
        self.deref()
    }
}

forward!(F: Filter> Filter for ByRef<F>);
forward!(F: Filter> Filter for LazyLock<F>);

impl fmt::Debug for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl fmt::Debug for Not {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl<F: Filter> fmt::Debug for ByRef<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
