//! What a door needs: extractors, replies, filters.
//!
//! - [`Extract`]: what a handler can have as an argument; [`Client`], [`Session`], [`Typed`], [`State`].
//! - [`IntoReply`]: what a handler can return; [`Stop`], [`Close`].
//! - [`filter`]: which packets reach a handler.
//! - [`middleware`]: what stands around handlers.

mod address;
mod blocking;
mod call;
mod captured;
#[doc(hidden)]
pub mod checks;
mod client;
pub(crate) mod error_packet;
pub(crate) mod extensions;
mod extract;
pub(crate) mod field;
pub mod filter;
pub mod middleware;
pub(crate) mod outbox;
mod reply;
mod request;
pub(crate) mod session;
mod sessions;
mod state;

pub use address::Address;
pub(crate) use address::subject;
pub use blocking::blocking;
#[doc(hidden)]
pub use call::{ErasedCall, ErasedHandler, handler};
pub use client::Client;
pub use extract::{Extract, Typed};
pub use reply::{Close, Flow, IntoReply, Reply, Stop};
pub use request::Request;
pub use session::Session;
pub(crate) use sessions::Sessions;
pub(crate) use state::StateMap;
pub use state::{Requirements, State};
