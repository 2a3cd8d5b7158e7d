//! Arbitrary bytes as a head of metadata.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| asyncapy::wire::__fuzz::metadata(data));
