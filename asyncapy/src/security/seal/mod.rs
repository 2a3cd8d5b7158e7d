//! Sealed payloads: what two sides that share a secret say to each other where there is no TLS (LIMITS, protection 3).
//!
//! - [`SealKey`]: a secret of 32 bytes and the id by which a server finds it.
//! - [`SealKeys`]: those that a server takes, changed while it runs.
//! - [`Handshake`]: from the secret and both sides' random salts to the keys of one connection.
//! - [`Sealing`] and [`Opening`]: one direction each, frame by frame.
//!
//! # How
//!
//! Each side draws a salt of 32 bytes and sends it in its HELLO. With `C` the connecting side and `A` the accepting one:
//!
//! ```text
//! prk   = HKDF-Extract(SHA-256, salt = salt of C | salt of A, key = the secret)
//! key   = HKDF-Expand(prk, info = label | SHA-256(HELLO of C) | SHA-256(HELLO of A), 32 bytes)
//! label = "asyncapy seal 1 connecting" for what C sends, "asyncapy seal 1 accepting" for what A sends
//! nonce = four zero bytes | the number of the frame in its direction, from 0, 8 bytes, most significant first
//! data  = the frame from its version byte up to its payload
//! frame = that data | ChaCha20-Poly1305(key, nonce, data, payload), which ends with a tag of 16 bytes
//! ```
//!
//! A HELLO counts from its version byte to its end, so neither side's identity, credentials or limits can be changed on
//! the way. TCP keeps the order, so a frame has one place: one that is repeated, left out, moved, cut or changed by a
//! bit does not open, and the connection ends. A recording of a connection opens nothing on another one, since both
//! salts take part; and no frame can be sent back to its sender, since each direction has a key of its own.
//!
//! # Why ChaCha20-Poly1305
//!
//! AES-256-GCM is faster where the processor has instructions for it, but it may seal only some 2^24 long records under
//! a key before its margin shrinks (RFC 8446, 5.5), which a connection of days reaches, and then needs a change of
//! keys in mid-stream. ChaCha20-Poly1305 has no such bound below its counter, and takes constant time on every
//! processor. [`SEAL_LIMIT`] frames a direction is where a connection must end; nobody gets there.
//!
//! # What it is not
//!
//! TLS does more: it needs no shared secret, and what was recorded stays closed when a key is stolen later (forward
//! secrecy). HELLO and the frames without a payload of the application (CREDIT, CANCEL, PING, GOAWAY) are not sealed:
//! whoever sits on the line reads the HELLOs, can cancel streams and end the connection, and sees how long and how
//! many payloads are. Do not put an API key into a HELLO without TLS.
//!
//! rap's CryptoProcessor, which this stands in for, is broken: AES-CBC under one key for all connections, with that
//! same key as the IV, so that a chosen message reveals the key; no MAC, so that changed messages pass; a timestamp
//! and a remembered nonce inside the message as the guard against replays, lost with a restart; and a server that
//! takes plain messages as well.

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
