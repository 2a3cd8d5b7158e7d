//! Arbitrary bytes as a JSON payload.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| asyncapy::wire::__fuzz::json_index(data));
