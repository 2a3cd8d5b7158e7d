//! Sealed payloads: what two sides that share a secret say to each other where there is no TLS (LIMITS, protection 3).
//!
//! - [`SealKey`]: a secret of 32 bytes and the id by which a server finds it.
//! - [`SealKeys`]: those that a server takes, changed while it runs.
//! - [`Handshake`]: from the secret and both sides' random salts to the keys of one connection.
//! - [`Sealing`] and [`Opening`]: one direction each, frame by frame.
//!
//! # How
//!
//! The chapter [Processors](crate::guide::processors) has the derivation of the keys and the form of a sealed frame, for
//! those who write another end. A HELLO takes part from its version byte to its end, so neither side's identity,
//! credentials or limits can be changed on the way. TCP keeps the order, so a frame has one place: one that is
//! repeated, left out, moved, cut or changed by a bit does not open, and the connection ends. A recording of a connection
//! opens nothing on another one, since both salts take part; and no frame can be sent back to its sender, since each
//! direction has a key of its own.
//!
//! # Why ChaCha20-Poly1305
//!
//! AES-256-GCM is faster where the processor has instructions for it, but it may seal only some 2^24 long records under
//! a key before its margin shrinks (RFC 8446, 5.5), which a connection of days reaches, and then needs a change of
//! keys in mid-stream. ChaCha20-Poly1305 has no such bound below its counter, and takes constant time on every
//! processor. [`SEAL_LIMIT`] frames a direction is where a connection must end; nobody gets there.

mod cipher;
mod failure;
mod handshake;
mod key;
mod keys;
mod schedule;
#[cfg(test)]
mod tests;

use super::hex;

pub use cipher::{Opening, SEAL_LIMIT, SEAL_OVERHEAD, Sealing};
pub use failure::{SealError, SealKeyError};
pub use handshake::{Handshake, SealSalt, Sealer};
pub use key::SealKey;
pub use keys::SealKeys;
