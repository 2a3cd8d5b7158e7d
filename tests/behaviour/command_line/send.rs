//! `asyncapy send` and `asyncapy bench`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Said, Scratch, Serving, command, expect};

#[test]
fn send_prints_the_reply_and_says_by_its_exit_code_what_it_was() {
    let scratch = Scratch::new();
    let socket = scratch.path("echo.sock");
    let serving = Serving::start(&["--unix", &socket]);
    let file = scratch.write("packet.json", "{\"z\": 1.50, \"a\": [ ]}\n");
    for (flags, reply) in [
        (&[&serving.address, "user=alice", "pin:=12"][..], "{\"pin\":12,\"user\":\"alice\"}\n"),
        (&[&serving.address, "--json", "{\"b\": 1, \"a\": null}"], "{\"b\":1,\"a\":null}\n"),
        (&[&serving.address, "--file", &file], "{\"z\":1.50,\"a\":[]}\n"),
        (
            &[&serving.address, "--json", "{\"b\": 1, \"a\": null}", "--encoding", "ziproto"],
            "{\"b\":1,\"a\":null}\n",
        ),
        (
            &[&serving.address, "--json", "{\"a\": 1}", "--encoding", "ziproto", "--raw"],
            "00000006160181a16101\n",
        ),
        (&[&serving.address, "a=1", "--count", "0"], ""),
        (&[&format!("tcp://{}", serving.address), "a=1"], "{\"a\":\"1\"}\n"),
        (&[&format!("unix://{socket}"), "a=1"], "{\"a\":\"1\"}\n"),
    ] {
        let said = expect(0, &[&["send"], flags].concat());
        assert_eq!((said.out.as_str(), said.err.as_str()), (reply, ""), "{flags:?}");
    }

    let mut piped = command(&["send", &serving.address, "-"]);
    let mut piped =
        piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"{\"from\": \"stdin\"}\n").unwrap();
    let said = Said::from(piped.wait_with_output().unwrap());
    assert_eq!((said.code, said.out.as_str()), (0, "{\"from\":\"stdin\"}\n"), "{said:?}");

    let failure = r#"{"status":"failure","error":"ERR_BAD_PIN"}"#;
    let said = expect(1, &["send", &serving.address, "--json", failure]);
    assert_eq!((said.out.trim_end(), said.err.as_str()), (failure, ""));
    assert!(expect(2, &["send", &serving.address, "--json", "{"]).err.starts_with("error: --json: "));
    assert_eq!(serving.stop("TERM").code, 0);
    assert!(!Path::new(&socket).exists(), "the socket's file goes with the server");
}

#[test]
fn send_tells_a_connection_that_fails_from_all_else() {
    // Bound and let go: nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let said = expect(3, &["send", &nobody, "a=1"]);
    assert_eq!((said.out.as_str(), said.err.lines().count()), ("", 1), "{said:?}");

    // Connected, by the system, and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let said = expect(3, &["send", &silent.local_addr().unwrap().to_string(), "a=1", "--timeout", "100ms"]);
    assert!(said.err.contains("--timeout"), "{said:?}");

    // Answered once, and then left.
    let brief = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = brief.local_addr().unwrap().to_string();
    let answers = std::thread::spawn(move || {
        let (mut stream, _) = brief.accept().unwrap();
        let mut packet = [0; 4 + 2 + r#"{"a":"1"}"#.len()];
        stream.read_exact(&mut packet).unwrap();
        stream.write_all(&packet).unwrap();
    });
    let said = expect(3, &["send", &address, "a=1", "--count", "2"]);
    assert_eq!(said.out, "{\"a\":\"1\"}\n", "the reply that came is printed");
    answers.join().unwrap();
}

#[test]
fn bench_counts_requests_and_failures() {
    let serving = Serving::start(&["--log-level", "error"]);
    for encoding in ["json", "ziproto"] {
        let flags =
            ["--connections", "2", "--in-flight", "4", "--requests", "500", "--json", "--encoding", encoding];
        let said = expect(0, &[&["bench", &serving.address], &flags[..]].concat());
        let told: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((&told["requests"], &told["errors"]), (&json!(500), &json!({})), "{told}");
        let latency = |name: &str| told["latency_us"][name].as_f64().unwrap();
        assert!(
            latency("p50") > 0.0 && latency("p50") <= latency("p99.9") && latency("p99.9") <= latency("max"),
            "{told}"
        );
    }
    let said = expect(0, &["bench", &serving.address, "--duration", "50ms"]);
    assert!(said.out.contains("p99.9") && said.out.contains("errors    0"), "{said:?}");
    assert_eq!(said.err, "", "no bar where stderr is no terminal");

    let failure = r#"{"status":"failure","error":"ERR_BAD_PIN"}"#;
    let said = expect(1, &["bench", &serving.address, "--requests", "10", "--payload", failure]);
    assert!(said.out.contains("10 x ") && said.out.contains("ERR_BAD_PIN"), "{said:?}");
    assert_eq!(serving.stop("TERM").code, 0);
}
