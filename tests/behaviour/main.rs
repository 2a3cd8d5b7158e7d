//! The behaviour tests of asyncapy, one file a behaviour, in one binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails, which is what it should do")]

mod client;
mod encodings;
mod filters;
mod fragmented_packets;
mod groups;
mod layers;
mod malformed;
mod replies;
mod sessions;
mod timeouts;
mod vectors;
