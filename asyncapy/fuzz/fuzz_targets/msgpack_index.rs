//! Arbitrary bytes as a ZiProto payload.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| asyncapy::wire::__fuzz::msgpack_index(data));
