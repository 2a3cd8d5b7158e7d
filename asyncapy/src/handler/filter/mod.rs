//! Which packets reach a handler.
//!
//! A handler's filters must all pass. The same filters stand in the attribute (`fields(..)`, `ip = ..`, `api_key(..)`,
//! `filter = ..`) and behind `Server::builder().register(f)` as `.filter(..)`.
//!
//! - [`Fields`]: the packet's fields and their text.
//! - [`Ip`]: the client's address.
//! - [`ApiKey`]: a key in a field.
//! - any `fn(&Client, &Packet) -> bool`, and any type that is a [`Filter`].
//! - [`Filter::and`], [`Filter::or`], [`Filter::not`].

mod api_key;
mod combine;
mod fields;
mod ip;
mod pattern;

use super::{Client, Request, Requirements};
use crate::packet::Packet;

pub use api_key::ApiKey;
pub use combine::{All, Any, ByRef, Not};
pub use fields::{Field, Fields};
pub use ip::Ip;
pub(crate) use pattern::Pattern;

/// Decides whether a handler sees a packet.
///
/// ```
/// use asyncapy::handler::filter::Filter;
/// use asyncapy::{handler, Client, Packet, Server};
///
/// struct LongerThan(usize);
///
/// impl Filter for LongerThan {
///     fn check(&self, _: &Client, packet: &Packet) -> bool {
///         packet.len() > self.0
///     }
/// }
///
/// #[handler(filter = LongerThan(2))]
/// async fn many_fields() {}
///
/// #[handler]
/// async fn few_fields() {}
///
/// let server = Server::builder().register(many_fields).register(few_fields).group(1).build()?;
/// # Ok::<(), asyncapy::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a filter",
    label = "not a filter",
    note = "a filter is a `Fields`, `Ip` or `ApiKey` value, a type that implements `Filter`, or a function \
            `fn(&Client, &Packet) -> bool`"
)]
pub trait Filter: Send + Sync + 'static {
    /// Whether the packet passes. It runs on the connection's own task for every packet that gets this far: no
    /// blocking, no long work. A panic in it costs the packet one `ERR_HANDLER_FAILED`.
    fn check(&self, client: &Client, packet: &Packet) -> bool;

    /// The same, with all that is known of a request; filters that need no owned packet answer here.
    #[doc(hidden)]
    fn check_request(&self, request: &Request<'_>) -> bool {
        self.check(request.client(), request.packet())
    }

    /// What the dispatch may know of the filter: it builds its index from this.
    #[doc(hidden)]
    fn shape(&self) -> Shape<'_> {
        Shape::Opaque
    }

    /// What the filter needs of the server.
    fn require(&self, requirements: &mut Requirements) {
        let _ = requirements;
    }

    /// What is wrong with the filter, to be told when the server is built.
    fn mistakes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The filter in a few words, for listings.
    fn describe(&self) -> String {
        "custom".to_owned()
    }

    /// Passes where both pass.
    fn and(self, other: impl Filter) -> All
    where
        Self: Sized,
    {
        All(vec![Box::new(self), Box::new(other)])
    }

    /// Passes where one of both passes.
    fn or(self, other: impl Filter) -> Any
    where
        Self: Sized,
    {
        Any(vec![Box::new(self), Box::new(other)])
    }

    /// Passes where this one does not.
    fn not(self) -> Not
    where
        Self: Sized,
    {
        Not(Box::new(self))
    }
}

/// What the dispatch may know of a filter.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub enum Shape<'a> {
    /// Nothing.
    Opaque,
    /// It is a [`Fields`].
    Fields(&'a Fields),
    /// It is an [`Ip`].
    Ip(&'a Ip),
    /// It is an [`ApiKey`].
    ApiKey(&'a ApiKey),
    /// All of these must pass.
    All(&'a [Box<dyn Filter>]),
}

impl std::fmt::Debug for Shape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shape")
    }
}

/// Functions and closures.
impl<F: Fn(&Client, &Packet) -> bool + Send + Sync + 'static> Filter for F {
    fn check(&self, client: &Client, packet: &Packet) -> bool {
        self(client, packet)
    }
}
