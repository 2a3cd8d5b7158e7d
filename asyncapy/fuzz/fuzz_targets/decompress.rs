//! Arbitrary bytes as a compressed payload; the first one chooses the limit.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| asyncapy::wire::__fuzz::decompress(data));
