//! The client in JavaScript that the gateway serves for browsers, driven by Node.
//!
//! Where there is no Node, or one without WebSockets, the tests say `SKIPPED` on stderr, past the harness, and pass.

use std::io::Write;
use std::path::Path;

use asyncapy::prelude::*;
use asyncapy::rpc::{Peer, Status};
use asyncapy::security::ApiKeys;
use asyncapy_tests::{at_rest, in_time};
use tokio::process::Command;

use crate::gateway_calls::gateway;
use crate::vectors_v3::functions;

/// Calls a function of the page.
#[rpc]
async fn calls_back(page: Peer, name: String, of: u32) -> Result<u32, Status> {
    page.call::<u32>(&name, json!({"of": of})).await
}

#[rpc]
async fn large(items: usize) -> Streaming<impl Stream<Item = String>> {
    Streaming::iter(std::iter::repeat_n("x".repeat(60_000), items))
}

fn skipped(why: &str) {
    // Not `eprintln`, of which the harness keeps what a test that passes says.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: the client in JavaScript: {why}").unwrap();
}

#[tokio::test]
async fn it_does_everything_once_with_a_server() {
    let keys = ApiKeys::in_memory();
    let key = keys.issue(json!({"name": "browser"})).unwrap().as_str().to_owned();
    let builder = functions().register(calls_back).register(large).credentials(keys);
    let (server, address) = gateway(builder, |gateway| gateway).await;
    let mut command = Command::new("node");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("javascript/drive.mjs");
    command.arg("--experimental-websocket").arg(script);
    command.args([&format!("ws://{address}/asyncaproto"), &key]).kill_on_drop(true);
    let output = match in_time("the client", command.output()).await {
        Ok(output) => output,
        Err(error) => return skipped(&error.to_string()),
    };
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if failed.contains("bad option: --experimental-websocket") {
        return skipped("this Node is too old");
    }
    assert!(output.status.success() && said.trim() == "ok 19", "{said}{failed}");
    at_rest(&server.handle()).await;
}
