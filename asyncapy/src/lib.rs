//! One annotated async function becomes a typed network API.

#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod dispatch;
pub mod error;
pub mod handler;
pub mod packet;
pub mod security;
pub mod server;
pub mod wire;

pub use error::{Code, Error, Failure, Rejection, Result};
