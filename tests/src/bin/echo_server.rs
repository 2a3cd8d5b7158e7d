//! A server in a process of its own, for tests that measure a whole process or take its means away.
//!
//! Settings are arguments, `key=value`. The first line on stdout is `listening on ADDRESS`. `{"burst": N}` is answered
//! with N packets of 1 KiB, `{"stats": ..}` with what the server counts, `{"sleep": MS}` after so many milliseconds;
//! everything else is echoed. SIGTERM stops it; the last line is `drained N cut N`.

use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::server::{Handle, Settings};

/// The running server, for the handler that tells about it.
static SERVER: OnceLock<Handle> = OnceLock::new();

#[handler(order = 1, fields(burst))]
async fn burst(client: Client, #[field] burst: u32) -> Result<()> {
    let filler = "x".repeat(1024);
    for at in 0..burst {
        client.send(json!({"at": at, "filler": filler})).await?;
    }
    Ok(())
}

#[handler(order = 1, fields(stats))]
async fn stats() -> Option<serde_json::Value> {
    let stats = SERVER.get()?.stats();
    Some(json!({"connections": stats.connections, "sessions": stats.sessions, "calls": stats.calls}))
}

#[handler(order = 1, fields(sleep))]
async fn sleep(#[field] sleep: u64, packet: Packet) -> Packet {
    tokio::time::sleep(Duration::from_millis(sleep)).await;
    packet
}

#[handler(order = 2)]
async fn echo(packet: Packet) -> Packet {
    packet
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut settings = Settings::default();
    for argument in std::env::args().skip(1) {
        let (key, value) = argument.split_once('=').unwrap_or((&argument, ""));
        settings.set(key, value)?;
    }
    let server = Server::builder()
        .settings(settings)
        .listen("127.0.0.1:0")
        .register(burst)
        .register(stats)
        .register(sleep)
        .register(echo)
        .build()?;
    let running = server.start().await?;
    // The first and only one: nobody else sets it.
    let _ = SERVER.set(running.handle());
    if let Some(address) = running.local_addr() {
        println!("listening on {address}");
    }
    std::io::stdout().flush()?;
    let report = running.until_signal().await?;
    println!("drained {} cut {}", report.drained, report.cut);
    Ok(())
}
