//! The client that AsyncAPY's document describes, in Python over plain sockets with PyPI's `ziproto`, drives our server.
//!
//! `ziproto` is taken from where Python finds it, or installed into Cargo's folder for tests. Where there is no Python, or
//! `ziproto` cannot be had, the tests say `SKIPPED` on stderr, past the harness, and pass.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command as Std, Stdio};

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy::security::{Authority, Pem, TlsServer, Validity};
use asyncapy::server::Running;
use asyncapy::wire::ByteOrder;
use asyncapy_tests::{at_rest, echo, in_time, start};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// Where the packages are, if there is a Python that has them.
static PYTHON: OnceCell<Option<PathBuf>> = OnceCell::const_new();

fn succeeds(command: &mut Std) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

async fn python() -> Option<&'static Path> {
    let find = || {
        let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        let has_it = || {
            let code = "import ziproto; ziproto.decode(bytes(ziproto.encode({'a': 1})))";
            succeeds(Std::new("python3").args(["-c", code]).env("PYTHONPATH", &packages))
        };
        let install = || {
            let mut pip = Std::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "10"]);
            succeeds(pip.args(["--retries", "1", "--target"]).arg(&packages).arg("ziproto==1.0"))
        };
        (has_it() || (install() && has_it())).then_some(packages)
    };
    let found = PYTHON.get_or_init(|| async { tokio::task::spawn_blocking(find).await.unwrap() }).await;
    if found.is_none() {
        let why = "SKIPPED: the Python client: python3 or PyPI's package ziproto cannot be had here";
        // Not `eprintln`, of which the harness keeps what a test that passes says.
        let mut stderr = std::io::stderr();
        writeln!(stderr, "{why}").unwrap();
    }
    found.as_deref()
}

/// Runs a scenario of `client.py` and gives the number of exchanges; `None` where it was skipped.
async fn run(server: &Running, scenario: &str, host: &str, rest: &[&str]) -> Option<usize> {
    let packages = python().await?;
    let port = server.local_addr().unwrap().port().to_string();
    let mut command = Command::new("python3");
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/client.py"));
    command.args([scenario, host, &port]).args(rest).env("PYTHONPATH", packages);
    let output = in_time("the client", command.kill_on_drop(true).output()).await.unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let exchanges = said.trim().strip_prefix("ok ").and_then(|count| count.parse().ok());
    assert!(output.status.success() && exchanges.is_some(), "{scenario} {rest:?}: {said}{failed}");
    exchanges
}

#[handler]
async fn echo_server(client: Client, packet: Packet) -> Result<()> {
    client.send(&packet).await?;
    client.close();
    Ok(())
}

#[tokio::test]
async fn the_hello_world_of_the_document() {
    let server = start(Server::builder().register(echo_server)).await;
    if let Some(exchanges) = run(&server, "hello", "127.0.0.1", &[]).await {
        assert_eq!(exchanges, 1);
        at_rest(&server.handle()).await;
        assert_eq!(server.handle().stats().packets, 1);
    }
}

#[tokio::test]
async fn both_encodings_both_byte_orders_every_header() {
    for header in [1, 2, 4, 8] {
        for order in [ByteOrder::Big, ByteOrder::Little] {
            let server = start(echo().header_size(header).byte_order(order)).await;
            for encoding in ["json", "ziproto"] {
                let settings = [&header.to_string(), &order.to_string(), encoding];
                let Some(exchanges) = run(&server, "echo", "127.0.0.1", &settings).await else { return };
                assert!(exchanges > 60, "{exchanges}");
            }
            at_rest(&server.handle()).await;
        }
    }
}

#[tokio::test]
async fn over_tls_which_is_the_documents_default() {
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    let own = authority.issue_server(&["localhost"], Validity::SERVER).unwrap();
    let tls = TlsServer::builder(Pem::text(own.certificate()), Pem::text(own.key())).build().unwrap();
    let server = echo().tls(tls).listen("tls://127.0.0.1:0").build().unwrap().start().await.unwrap();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("authority-{}.pem", std::process::id()));
    std::fs::write(&file, authority.certificate()).unwrap();
    let exchanges = run(&server, "echo", "localhost", &["4", "big", "ziproto", file.to_str().unwrap()]).await;
    std::fs::remove_file(&file).unwrap();
    if exchanges.is_some() {
        at_rest(&server.handle()).await;
    }
}
