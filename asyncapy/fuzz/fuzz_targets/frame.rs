//! Arbitrary bytes as a stream of frames; the first one chooses the framing.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| asyncapy::wire::__fuzz::frame(data));
