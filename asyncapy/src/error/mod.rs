//! One vocabulary of failures.
//!
//! - [`Code`]: what went wrong, as the client reads it (`ERR_*` on the wire).
//! - [`Failure`]: anything that reaches the client as an error packet with a code of its own.
//! - [`Rejection`]: the failure of an extractor: a code, the field, a message.
//! - [`Error`]: what the library's own functions return.
//! - [`HookFailure`]: which function around a server's life failed, and why.

mod code;
mod failure;
mod hook;
mod library;
mod rejection;

pub use code::Code;
pub use failure::Failure;
pub use hook::HookFailure;
pub use library::{Error, Result};
pub use rejection::Rejection;
