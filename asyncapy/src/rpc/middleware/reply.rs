use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::rpc::Status;
use crate::rpc::decode::decode;
use crate::wire::{self, Encoding};

/// What comes of a call that goes well.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The function's result.
    Value {
        /// What it is written in; none for raw bytes.
        encoding: Option<Encoding>,
        /// The result.
        payload: Bytes,
    },
    /// A stream of items, which pass by on their own. Of an incoming call it tells that the stream has ended, and what
    /// was sent; of an outgoing one that it is open, with nothing in it yet.
    Streamed {
        /// How many items there were. Those of a channel are not counted.
        items: u64,
        /// The bytes of their payloads.
        bytes: u64,
    },
}

impl Reply {
    /// A result.
    ///
    /// # Errors
    /// The value cannot be written.
    pub fn new(value: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let mut payload = BytesMut::new();
        wire::encode(value, Encoding::ZiProto, &mut payload)?;
        Ok(Self::written(payload.freeze(), Some(Encoding::ZiProto)))
    }

    pub(crate) fn written(payload: Bytes, encoding: Option<Encoding>) -> Self {
        Self::Value { encoding, payload }
    }

    /// The result as a `T`.
    ///
    /// # Errors
    /// It is no `T`, or the call gives items and no result.
    pub fn value<T: DeserializeOwned + 'static>(&self) -> Result<T, Status> {
        match self {
            Reply::Value { encoding, payload } => decode(*encoding, payload.clone()),
            Reply::Streamed { .. } => Err(Status::mismatch::<T>(&"it is a stream")),
        }
    }

    /// How many bytes the result's payload or the items' payloads have.
    pub fn size(&self) -> u64 {
        match self {
            Reply::Value { payload, .. } => payload.len() as u64,
            Reply::Streamed { bytes, .. } => *bytes,
        }
    }
}
