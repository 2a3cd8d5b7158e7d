//! What most programs use: `use asyncapy::prelude::*;`.

pub use serde::{Deserialize, Serialize};
pub use serde_json;

pub use crate::error::{Code, Failure, Rejection, Result};
pub use crate::handler::{Client, Close, Session, State, Stop, Typed};
pub use crate::packet::Packet;
pub use crate::server::Server;
pub use crate::wire::Encoding;
pub use crate::{blocking, handler, json};
