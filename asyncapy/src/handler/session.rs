use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use uuid::Uuid;

use super::extensions::Extensions;
use super::outbox::Outbox;
use super::{Address, Client, Sessions};
use crate::packet::Origin;
#[cfg(feature = "tls")]
use crate::security::Identity;
use crate::wire::{Encoding, Framing};

/// One client's stay, from accept to close.
///
/// An extractor; cheap to clone; outlives the connection, which can then be seen by [`is_open`](Self::is_open).
#[derive(Clone)]
pub struct Session {
    core: Arc<Core>,
}

/// What a connection, its handlers and everybody else who holds the client share.
pub(crate) struct Core {
    pub(crate) id: Uuid,
    pub(crate) started: SystemTime,
    pub(crate) address: Address,
    #[cfg(feature = "tls")]
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) framing: Framing,
    pub(crate) outbox: Outbox,
    /// The encoding of the session's first packet (protocol V2, rule 5), `UNSET` before it.
    encoding: AtomicU8,
    /// What is said before the first packet.
    default_encoding: Encoding,
    phase: AtomicU8,
    /// The number of the latest packet whose propagation was stopped.
    stopped: AtomicU64,
    /// Whether the connection has streams (protocol V3) in the place of packets.
    streams: AtomicBool,
    extensions: Extensions,
    /// For `get_sessions`; weak, since the table holds the sessions.
    pub(crate) sessions: Weak<Sessions>,
}

const UNSET: u8 = u8::MAX;

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
#[repr(u8)]
pub(crate) enum Phase {
    Open = 0,
    /// What is pending is finished and written, then the connection closes.
    Closing = 1,
    /// The connection closes at once.
    Cut = 2,
}

impl Core {
    pub(crate) fn new(
        address: Address,
        #[cfg(feature = "tls")] identity: Option<Arc<Identity>>,
        framing: Framing,
        default_encoding: Encoding,
        outbox: Outbox,
        sessions: Weak<Sessions>,
    ) -> Self {
        Self {
            id: Uuid::new_v4(),
            started: SystemTime::now(),
            address,
            #[cfg(feature = "tls")]
            identity,
            framing,
            outbox,
            encoding: AtomicU8::new(UNSET),
            default_encoding,
            phase: AtomicU8::new(Phase::Open as u8),
            stopped: AtomicU64::new(0),
            streams: AtomicBool::new(false),
            extensions: Extensions::default(),
            sessions,
        }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        Encoding::from_byte(self.encoding.load(Ordering::Relaxed)).unwrap_or(self.default_encoding)
    }

    /// The first packet fixes the encoding of all replies.
    pub(crate) fn fix_encoding(&self, encoding: Encoding) {
        if self.encoding.load(Ordering::Relaxed) == UNSET {
            self.encoding.store(encoding as u8, Ordering::Relaxed);
        }
    }

    /// The connection has streams: no packet can be sent on it.
    pub(crate) fn speaks_streams(&self) {
        self.streams.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_streams(&self) -> bool {
        self.streams.load(Ordering::Relaxed)
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Open,
            1 => Phase::Closing,
            _ => Phase::Cut,
        }
    }

    /// Moves on to `phase`, never back, and tells the connection.
    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.outbox.close();
        self.outbox.wake();
    }

    pub(crate) fn is_stopped(&self, packet: u64) -> bool {
        self.stopped.load(Ordering::Relaxed) == packet
    }
}

impl Origin for Core {
    fn stop_propagation(&self, packet: u64) {
        // Numbers grow: a packet from before does not undo what was asked for this one.
        self.stopped.fetch_max(packet, Ordering::Relaxed);
    }
}

impl Session {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The session's UUID (version 4), as the log names it.
    pub fn id(&self) -> Uuid {
        self.core.id
    }

    /// When the session began.
    pub fn started(&self) -> SystemTime {
        self.core.started
    }

    /// The client whose session it is.
    pub fn client(&self) -> Client {
        Client::new(self.core.clone())
    }

    /// The client's address.
    pub fn address(&self) -> Address {
        self.core.address
    }

    /// Whether the connection still takes packets.
    pub fn is_open(&self) -> bool {
        self.core.phase() == Phase::Open
    }

    /// Keeps a value with the session, in the place of another of its type, which it gives back. The session's packets,
    /// calls, streams and channels all see it.
    ///
    /// ```
    /// use asyncapy::prelude::*;
    ///
    /// struct User(String);
    ///
    /// #[rpc]
    /// async fn log_in(session: Session, name: String) {
    ///     session.insert(User(name));
    /// }
    ///
    /// #[rpc]
    /// async fn who_am_i(session: Session) -> Option<String> {
    ///     session.get::<User>().map(|user| user.0.clone())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> asyncapy::Result<()> {
    /// let server = Server::builder().register(log_in).register(who_am_i).build()?.start_in_memory().await?;
    /// let peer = server.handle().peer()?;
    /// log_in::call(&peer, "ada".to_owned()).await?;
    /// assert_eq!(who_am_i::call(&peer).await?.as_deref(), Some("ada"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        self.core.extensions.insert(value)
    }

    /// The value of type `T` that is kept with the session.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.core.extensions.get()
    }

    /// The value of type `T`, which `make` makes where there is none.
    pub fn get_or_insert_with<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.core.extensions.get_or_insert_with(make)
    }

    /// Takes the value of type `T` out of the session.
    pub fn remove<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.core.extensions.remove()
    }

    /// Closes the connection once what is pending has been written.
    pub fn close(&self) {
        self.core.advance(Phase::Closing);
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.core.id == other.core.id
    }
}

impl Eq for Session {}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id()).field("address", &self.core.address).finish()
    }
}
