//! What the macros accept, and what they say to what they do not: each `.stderr` is read by a human eye.
//!
//! `TRYBUILD=overwrite cargo test -p asyncapy-ui-tests` writes them anew; read the difference before it is committed.
//! One case alone: `cargo test -p asyncapy-ui-tests -- ui trybuild=generics`.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}
