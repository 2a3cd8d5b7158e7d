//! The client that was written from the chapter of protocol V3 alone, in Python's standard library.
//!
//! Where there is no Python, the tests say `SKIPPED` on stderr, past the harness, and pass.

use std::io::Write;
use std::path::Path;

use asyncapy_tests::in_time;
use tokio::process::Command;

/// Runs a scenario of `drive_v3.py` and gives the number of things it did; `None` where it was skipped.
async fn run(arguments: &[&str]) -> Option<usize> {
    let mut command = Command::new("python3");
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/drive_v3.py")).args(arguments);
    let output = match in_time("the client", command.kill_on_drop(true).output()).await {
        Ok(output) => output,
        Err(error) => {
            // Not `eprintln`, of which the harness keeps what a test that passes says.
            writeln!(std::io::stderr(), "SKIPPED: the Python client of protocol V3: {error}").unwrap();
            return None;
        }
    };
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let done = said.trim().strip_prefix("ok ").and_then(|count| count.parse().ok());
    assert!(output.status.success() && done.is_some(), "{arguments:?}: {said}{failed}");
    done
}

#[tokio::test]
async fn its_frames_are_those_of_the_vectors() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/asyncaproto-v3.json");
    if let Some(done) = run(&["vectors", vectors]).await {
        assert!(done > 80, "{done}");
    }
}
