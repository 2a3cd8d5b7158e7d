//! `asyncapy call`.

use std::io::Write;
use std::process::Stdio;

use asyncapy::prelude::*;
use asyncapy::server::Running;

use super::{Said, Serving, command, expect};

/// Adds two numbers.
#[rpc(group = "math")]
async fn sum(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn refuse(why: String) -> Result<(), String> {
    Err(why)
}

#[rpc]
async fn count(to: u32) -> Streaming<impl Stream<Item = u32>> {
    Streaming::iter(0..to)
}

#[rpc]
async fn shout(mut channel: Channel<String, String>) -> Result<u32, Status> {
    let mut lines = 0;
    while let Some(line) = channel.recv().await? {
        channel.send(line.to_uppercase()).await?;
        lines += 1;
    }
    Ok(lines)
}

#[rpc]
async fn language(metadata: asyncapy::rpc::Metadata) -> Option<String> {
    metadata.text("language").map(str::to_owned)
}

/// A server, and a runtime that runs it while the command is waited for.
fn serve() -> (tokio::runtime::Runtime, Running, String) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = Server::builder().register(sum).register(refuse).register(count).register(shout);
    let server = server.register(language).listen("127.0.0.1:0").build().unwrap();
    let running = runtime.block_on(server.start()).unwrap();
    let address = running.local_addr().unwrap().to_string();
    (runtime, running, address)
}

#[test]
fn call_prints_results_and_items_and_says_by_its_exit_code_how_it_went() {
    let (_runtime, _running, at) = serve();
    for (arguments, out) in [
        (&["math.sum", "a:=20", "b:=22"][..], "42\n"),
        (&["math.sum", "--json", "[20, 22]"], "42\n"),
        (&["math.sum", "--json", "{\"b\": 1, \"a\": 2}", "--encoding", "ziproto"], "3\n"),
        (&["count", "to:=3"], "0\n1\n2\n"),
        (&["language", "--metadata", "language=de"], "\"de\"\n"),
    ] {
        let said = expect(0, &[&["call", &at], arguments].concat());
        assert_eq!((said.out.as_str(), said.err.as_str()), (out, ""), "{arguments:?}");
    }
    for (code, arguments, err) in [
        (1, &["math.sum", "a:=1"][..], "ERR_FIELD_MISSING (argument \"b\")"),
        (1, &["refuse", "why=because"], "ERR_HANDLER_FAILED: because\n\"because\""),
        (1, &["nothing"], "ERR_FUNCTION_UNKNOWN"),
        (2, &["math.sum", "--json", "7"], "a JSON map or list"),
        (2, &["math.sum", "a"], "name=text or name:=json"),
        (2, &["shout", "-"], "--json"),
    ] {
        let said = expect(code, &[&["call", &at], arguments].concat());
        assert!(said.err.contains(err), "{arguments:?}: {said:?}");
    }
}

#[test]
fn call_lists_what_there_is() {
    let (_runtime, _running, at) = serve();
    let said = expect(0, &["call", &at, "--list"]);
    assert!(said.out.contains("math.sum(a: i64, b: i64) -> i64\n    Adds two numbers.\n"), "{said:?}");
    assert!(said.out.contains("count(to: u32) -> u32..\n"), "{said:?}");
    let said = expect(0, &["call", &at, "math.", "--list"]);
    assert_eq!(said.out.lines().count(), 2, "{said:?}");

    let echo = Serving::start(&[]);
    let said = expect(0, &["call", &echo.address, "--list"]);
    assert_eq!((said.out.as_str(), said.err.lines().count()), ("", 1), "{said:?}");
}

#[test]
fn call_sends_the_lines_of_stdin_to_a_channel() {
    let (_runtime, _running, at) = serve();
    let mut piped = command(&["call", &at, "shout"]);
    let mut piped =
        piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"\"one\"\n\n\"two\"\n").unwrap();
    let said = Said::from(piped.wait_with_output().unwrap());
    assert_eq!((said.code, said.out.as_str()), (0, "\"ONE\"\n\"TWO\"\n2\n"), "{said:?}");
}
