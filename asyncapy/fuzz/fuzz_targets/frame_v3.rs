//! Arbitrary bytes as a stream of frames of protocol V3; the first one chooses the framing.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| asyncapy::wire::__fuzz::frame_v3(data));
