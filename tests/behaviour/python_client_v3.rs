//! The client that was written from the chapter of protocol V3 alone, in Python's standard library.
//!
//! Where there is no Python, the tests say `SKIPPED` on stderr, past the harness, and pass.

use std::io::Write;
use std::path::Path;

use asyncapy::server::guard::{self, Refusal};
use asyncapy::wire::ByteOrder;
use asyncapy_tests::{at_rest, in_time, start};
use tokio::process::Command;

use crate::vectors_v3::functions;

/// Runs a scenario of `drive_v3.py` and gives the number of things it did; `None` where it was skipped.
async fn run(arguments: &[&str]) -> Option<usize> {
    let mut command = Command::new("python3");
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/drive_v3.py")).args(arguments);
    let output = match in_time("the client", command.kill_on_drop(true).output()).await {
        Ok(output) => output,
        Err(error) => {
            // Not `eprintln`, of which the harness keeps what a test that passes says.
            let mut stderr = std::io::stderr();
            writeln!(stderr, "SKIPPED: the Python client of protocol V3: {error}").unwrap();
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
        assert!(done > 100, "{done}");
    }
}

#[tokio::test]
async fn it_does_everything_once_with_a_server() {
    for (header, order) in [(4, ByteOrder::Big), (2, ByteOrder::Little), (8, ByteOrder::Big)] {
        let server = start(functions().header_size(header).byte_order(order)).await;
        let port = server.local_addr().unwrap().port().to_string();
        let settings = ["server", "127.0.0.1", &port, &header.to_string(), &order.to_string()];
        let Some(done) = run(&settings).await else { return };
        assert_eq!(done, 16);
        at_rest(&server.handle()).await;
    }
}

#[tokio::test]
async fn it_hears_why_it_is_not_let_in() {
    let refuse = guard::from_fn(async |_| Err(Refusal::new(asyncapy::Code::Unauthorized).message("nobody")));
    let server = start(functions().connection_guard(refuse)).await;
    let port = server.local_addr().unwrap().port().to_string();
    if let Some(done) = run(&["refused", "127.0.0.1", &port, "ERR_UNAUTHORIZED", "nobody"]).await {
        assert_eq!(done, 3);
        at_rest(&server.handle()).await;
    }
}
