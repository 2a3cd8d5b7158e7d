use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::Reply;
use crate::error::{Code, Error};
use crate::handler::extensions::Extensions;
use crate::handler::middleware::{Passing, Sealed};
use crate::handler::{Client, Session};
use crate::rpc::args::shaped;
use crate::rpc::{Function, Metadata, Peer, Status};
use crate::wire::{self, Encoding};

/// A call of one of our functions, on its way there.
pub struct IncomingCall {
    pub(super) function: Function,
    pub(super) name: Arc<str>,
    pub(super) client: Client,
    pub(super) peer: Peer,
    pub(super) encoding: Encoding,
    pub(super) arguments: Bytes,
    pub(super) metadata: Metadata,
    pub(super) deadline: Option<Instant>,
    pub(super) extensions: Arc<Extensions>,
    #[cfg(feature = "tower")]
    pub(super) next: Option<super::Next<Self>>,
}

impl IncomingCall {
    /// What is known of the function.
    pub fn function(&self) -> &Function {
        &self.function
    }

    /// The function's full name: `group.name`, or the name alone.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client that calls.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The client's session.
    pub fn session(&self) -> Session {
        self.client.session()
    }

    /// The caller's end of the connection: its own functions can be called.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What the caller has sent along.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The same, to be changed for what comes next.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Until when the caller waits, if it has said so.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Makes the deadline an earlier one: the function is dropped when it passes, and the caller reads
    /// `ERR_DEADLINE_EXCEEDED`. A later one changes nothing.
    pub fn shorten(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |former| former.min(deadline)));
    }

    /// What the arguments are written in, and the reply will be.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The arguments as they came: a map by name, a list by position, or nothing for none.
    pub fn payload(&self) -> &Bytes {
        &self.arguments
    }

    /// The arguments as a `T`: a struct or a map for arguments by name, a tuple for those by position, or a
    /// `serde_json::Value` for either.
    ///
    /// # Errors
    /// They are no `T`: `ERR_FIELD_INVALID`.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, Status> {
        let (payload, encoding): (&[u8], _) = if self.arguments.is_empty() {
            (b"{}", Encoding::Json)
        } else {
            (&self.arguments, self.encoding)
        };
        wire::decode_value(payload, encoding)
            .map_err(|error| Status::new(Code::FieldInvalid).message(format!("the arguments: {error}")))
    }

    /// Puts others in the place of the arguments: a map or a struct (by name), a tuple or a list (by position), or `()`.
    ///
    /// # Errors
    /// They are none of these, or cannot be written.
    pub fn set_arguments(&mut self, arguments: &impl Serialize) -> Result<(), Error> {
        let mut payload = BytesMut::new();
        wire::encode(arguments, self.encoding, &mut payload)?;
        shaped(&mut payload, self.encoding)?;
        self.arguments = payload.freeze();
        Ok(())
    }

    /// Puts a value into the call, for the function's [`Extension<T>`](super::Extension) arguments and for middleware
    /// further in; the former one of its type comes back.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        self.extensions.insert(value)
    }

    /// A value that was put into the call.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.extensions.get()
    }
}

impl Sealed for IncomingCall {}

impl Passing for IncomingCall {
    type Reply = Reply;
    type Failure = Status;

    fn name(&self) -> &str {
        &self.name
    }

    fn client(&self) -> Option<&Client> {
        Some(&self.client)
    }

    #[cfg(feature = "tower")]
    fn next(&mut self) -> &mut Option<super::Next<Self>> {
        &mut self.next
    }
}

impl fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingCall")
            .field("name", &self.name)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
