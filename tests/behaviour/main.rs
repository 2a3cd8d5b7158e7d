//! The behaviour tests of asyncapy, one file a behaviour, in one binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails, which is what it should do")]

mod address_lists;
mod attack_descriptors;
mod attack_flood;
mod attack_panics;
mod attack_payload;
mod attack_reader;
mod attack_slow;
mod bans;
mod blocking_handlers;
mod client;
mod command_line;
mod config_file;
mod connection_guard;
mod edges;
mod encodings;
mod extractors;
mod filters;
mod fragmented_packets;
mod groups;
mod hooks;
mod layers;
mod lifecycle;
mod listeners;
mod logging;
mod malformed;
mod python_client;
mod python_client_v3;
mod rate_limit;
mod replies;
mod rpc_macros;
mod sessions;
mod shutdown;
mod timeouts;
mod vectors;
mod wiring;
