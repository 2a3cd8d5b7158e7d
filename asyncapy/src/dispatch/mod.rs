//! From the registry to the handler that runs.
//!
//! - [`Registration`]: what an attribute leaves in the program at link time; [`linked`] lists them.
//! - `Routes`: what a server was told to serve, with every mistake in it.
//! - `Table`: the checked routes, by group, behind an index that finds the few that can match a packet.

mod function;
mod registry;
mod routes;
mod select;
mod shadow;
mod table;

pub use function::{AnnotatedFn, PlainFn};
#[doc(hidden)]
pub use registry::Registration;
pub(crate) use registry::has_linked;
pub use registry::linked;
pub(crate) use routes::Routes;
pub use table::Info;
pub(crate) use table::{Route, Table};
