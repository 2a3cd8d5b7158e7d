//! What most programs use: `use asyncapy::prelude::*;`.

pub use futures_core::Stream;
pub use serde::{Deserialize, Serialize};
pub use serde_json;

pub use crate::error::{Code, Rejection, Result};
pub use crate::handler::{Client, Close, Session, State, Stop, Typed};
pub use crate::rpc::{Channel, Peer, Status, Streaming};
pub use crate::server::Server;
pub use crate::wire::Encoding;
// Each of these two is a type or trait and its derive.
pub use crate::{Failure, Packet};
pub use crate::{blocking, handler, json, rpc, service};
