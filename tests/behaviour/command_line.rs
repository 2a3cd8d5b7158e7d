//! The `asyncapy` command, driven as people and other programs drive it: by its flags, its output and its exit codes.
#![cfg(unix)]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use asyncapy::{Encoding, Packet};
use serde_json::{Value, json};

/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs cargo in the workspace, without what the cargo that runs the tests says of this package: build scripts would
/// take it for a reason to run again.
fn cargo(arguments: &[&str]) -> Output {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(arguments[0]).arg("--manifest-path");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).args(&arguments[1..]);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The command, built where it is not built yet.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let built = cargo(&[
            "build",
            "-p",
            "asyncapy",
            "--features",
            "cli",
            "--bin",
            "asyncapy",
            "--message-format",
            "json",
        ]);
        let messages = String::from_utf8(built.stdout).unwrap();
        let executable = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message["executable"].as_str()?))
        });
        executable.expect("cargo names the executable")
    })
}

/// The command with arguments, untouched by what the environment of the tests says.
fn command<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ASYNCAPY_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").args(arguments).stdin(Stdio::null());
    command
}

/// What a run said, and its exit code.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().expect("no signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Said {
    command(arguments).output().unwrap().into()
}

/// Runs, and wants the exit code.
#[track_caller]
fn expect<A: AsRef<OsStr>>(code: i32, arguments: &[A]) -> Said {
    let said = run(arguments);
    assert_eq!(said.code, code, "{said:?}");
    said
}

/// A directory of a test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("asyncapy-command-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `asyncapy serve --echo` on a free port.
struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Serving {
    fn start(flags: &[&str]) -> Self {
        let mut arguments = vec!["serve", "--echo", "--port", "0"];
        arguments.extend(flags);
        Self::spawn(&mut command(&arguments))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let Some(address) = line.trim_end().strip_prefix("listening on ") else {
            panic!("{line:?}, {}", Said::from(child.wait_with_output().unwrap()).err);
        };
        Self { address: address.to_owned(), child, out }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends a signal and waits for the end; what stood on stdout after the first line is `out`.
    fn stop(mut self, signal: &str) -> Said {
        let killed =
            Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let mut out = String::new();
        self.out.read_to_string(&mut out).unwrap();
        Said { code: self.child.wait().unwrap().code().expect("it ends by itself"), out, err }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already in the tests that stop it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The hello of AsyncAPY's document.
const HELLO: &str = "0000000d16007b2274657374223a20317d";

fn exchange(stream: &mut TcpStream, packet: &str) -> Vec<u8> {
    let packet = hex(packet);
    stream.write_all(&packet).unwrap();
    let mut reply = vec![0; packet.len()];
    stream.read_exact(&mut reply).unwrap();
    reply
}

#[test]
fn serve_says_where_it_listens_and_stops_on_a_signal() {
    for signal in ["TERM", "INT"] {
        let serving = Serving::start(&[]);
        let (host, port) = serving.address.rsplit_once(':').unwrap();
        assert_eq!(host, "127.0.0.1");
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        let mut stream = serving.connect();
        assert_eq!(exchange(&mut stream, HELLO), hex(HELLO));
        let said = serving.stop(signal);
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
        assert!(said.err.contains("New session started"), "{said:?}");
        assert!(said.err.contains("1 connection(s) drained, 0 cut"), "{said:?}");
        assert!(!said.err.contains('\u{1b}'), "colours go to terminals only: {said:?}");
    }
}

/// A frame cut from the front of what came, decoded: as bytes where it is an error packet, else by value.
fn reading(mut bytes: &[u8], header: usize, little: bool) -> Vec<String> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let mut length = [0; 8];
        length[..header].copy_from_slice(&bytes[..header]);
        if !little {
            length[..header].reverse();
        }
        let (frame, rest) = bytes.split_at(header + u64::from_le_bytes(length) as usize);
        let packet =
            Packet::from_bytes(frame[header + 2..].to_vec(), Encoding::from_byte(frame[header + 1]).unwrap())
                .unwrap();
        packets.push(if packet.contains("error") {
            format!("{frame:02x?}")
        } else {
            packet.deserialize::<Value>().unwrap().to_string()
        });
        bytes = rest;
    }
    packets
}

#[test]
fn serve_speaks_as_the_vectors_say() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/asyncaproto-v2.json")).unwrap();
    let timed_out: String = "ERR_TIMED_OUT".bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut tried = 0;
    for (header, order) in [(4, "big"), (4, "little"), (2, "big"), (8, "little")] {
        let serving = Serving::start(&["--header-size", &header.to_string(), "--byteorder", order]);
        for vector in vectors["vectors"].as_array().unwrap() {
            let texts = |name: &str| {
                vector[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>()
            };
            let expected = texts("expect").concat();
            let other = vector["handler"] != "echo"
                || vector["header_size"] != header
                || vector["byteorder"] != order;
            if other || expected.contains(&timed_out) {
                continue;
            }
            tried += 1;
            let mut stream = serving.connect();
            for chunk in texts("chunks") {
                // A server that has refused the first chunks may be gone.
                if stream.write_all(&hex(chunk)).is_err() {
                    break;
                }
            }
            if vector["client_half_close"] == true {
                stream.shutdown(Shutdown::Write).unwrap();
            }
            let expected = reading(&hex(&expected), header, order == "little");
            let (mut got, mut some) = (Vec::new(), [0; 4096]);
            if vector["then"] == "closed" {
                // A reset after the replies is a close, too.
                while let Ok(length @ 1..) = stream.read(&mut some) {
                    got.extend_from_slice(&some[..length]);
                }
            } else {
                // The replies of an open session are followed by the reply to one packet more.
                let last = hex(if order == "big" { HELLO } else { "0d00000016007b2274657374223a20317d" });
                let last = if header == 4 { last } else { continue };
                if vector["client_half_close"] != true {
                    stream.write_all(&last).unwrap();
                    while !got.ends_with(&last[..]) && !got.ends_with(&hex("81a47465737401")) {
                        let length = stream.read(&mut some).unwrap();
                        assert_ne!(length, 0, "{}: closed", vector["id"]);
                        got.extend_from_slice(&some[..length]);
                    }
                    let mut replies = reading(&got, header, order == "little");
                    assert_eq!(replies.pop().as_deref(), Some(r#"{"test":1}"#), "{}", vector["id"]);
                    assert_eq!(replies, expected, "{}", vector["id"]);
                    continue;
                }
                stream.read_to_end(&mut got).unwrap();
            }
            assert_eq!(reading(&got, header, order == "little"), expected, "{}", vector["id"]);
        }
        assert_eq!(serving.stop("TERM").code, 0);
    }
    assert!(tried >= 25, "{tried} vectors");
}

#[test]
fn a_reader_of_the_log_who_sleeps_stops_no_connection() {
    // Four times what a pipe holds, at two lines a connection; nobody reads them before the end.
    let serving = Serving::start(&[]);
    for _ in 0..1_500 {
        assert_eq!(exchange(&mut serving.connect(), HELLO), hex(HELLO));
    }
    assert_eq!(serving.stop("TERM").code, 0);
}

#[test]
fn wrong_flags_are_told_with_what_is_allowed() {
    for (arguments, words) in [
        (&["serve"][..], &["serve --echo", "Server::builder()"][..]),
        (&["serve", "--echo", "--prot", "1"], &["--prot", "--port"]),
        (&["serve", "--echo", "--port", "70000"], &["--port", "0 to 65535"]),
        (&["serve", "--echo", "--byteorder", "middle"], &["big or little"]),
        (&["serve", "--echo", "--header-size", "3"], &["1, 2, 4 or 8"]),
        (&["serve", "--echo", "--timeout", "soon"], &["--timeout", "500ms"]),
        (&["serve", "--echo", "--buf", "1"], &["`buf` is 1"]),
        (&["serve", "--echo", "--tls-cert", "x.pem"], &["`tls_cert` is set and `tls_key` is not"]),
        (&["serve", "--echo", "--config", "no such.ini"], &["no such.ini"]),
        (&["send", "127.0.0.1:1"], &["nothing to send"]),
        (&["send", "127.0.0.1:1", "a"], &["name=text"]),
        (&["send", "nowhere", "a=1"], &["is no endpoint"]),
        (&["send", "tls://127.0.0.1:1", "a=1"], &["--tls-ca"]),
        (&["bench", "127.0.0.1:1", "--payload", "[]"], &["--payload", "a map"]),
        (&["nonsense"], &["nonsense"]),
    ] {
        let said = expect(2, arguments);
        assert_eq!(said.out, "", "{arguments:?}");
        assert!(said.err.starts_with("error: "), "{said:?}");
        assert!(words.iter().all(|word| said.err.contains(word)), "{words:?}: {said:?}");
    }
}

#[test]
fn a_place_that_is_taken_is_told_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = expect(1, &["serve", "--echo", "--port", &port, "--log-level", "error"]);
    assert!(said.err.starts_with("error: cannot listen at tcp://127.0.0.1:"), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let scratch = Scratch::new();
    let file = scratch.write(
        "server.ini",
        "[AsyncAPY]\nport = 0\nheader_size = 8\nbyteorder = little\nsession_limit = 1\n",
    );
    let mut command = command(&["serve", "--echo", "--config", &file, "--header-size", "2"]);
    let serving = Serving::spawn(command.env("ASYNCAPY_HEADER_SIZE", "4").env("ASYNCAPY_SESSION_LIMIT", "2"));
    let hello = "0d0016007b2274657374223a20317d";
    let (mut first, mut second) = (serving.connect(), serving.connect());
    assert_eq!(exchange(&mut first, hello), hex(hello));
    assert_eq!(exchange(&mut second, hello), hex(hello));
    let mut refused = String::new();
    let _ = serving.connect().read_to_string(&mut refused);
    assert!(refused.contains("ERR_SESSION_LIMIT_REACHED"), "{refused:?}");
    assert_eq!(serving.stop("TERM").code, 0);

    let wrong = scratch.write("wrong.ini", "[AsyncAPY]\nprot = 80\n");
    let said = expect(2, &["serve", "--echo", "--config", &wrong]);
    assert!(said.err.contains("wrong.ini:2") && said.err.contains("did you mean `port`"), "{said:?}");
}

#[test]
fn the_limits_of_one_address_are_off_until_they_are_set() {
    let serving = Serving::start(&["--connections-per-address", "1"]);
    let _first = serving.connect();
    let mut refused = String::new();
    let _ = serving.connect().read_to_string(&mut refused);
    assert!(refused.contains("ERR_TOO_MANY_CONNECTIONS"), "{refused:?}");

    let serving = Serving::start(&[]);
    let mut held: Vec<_> = (0..400).map(|_| serving.connect()).collect();
    for stream in &mut held {
        assert_eq!(exchange(stream, HELLO), hex(HELLO));
    }
}

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

    let serving = Serving::start(&["--timeout", "200ms"]);
    let said = expect(3, &["send", &serving.address, "a=1", "--count", "2", "--timeout", "100ms"]);
    assert_eq!(said.out, "{\"a\":\"1\"}\n", "the reply that came is printed");
}

#[test]
fn a_key_is_issued_found_reissued_and_revoked() {
    let scratch = Scratch::new();
    let store = scratch.path("keys.redb");
    let keys =
        |code: i32, arguments: &[&str]| expect(code, &[&["keys", "--store", &store], arguments].concat());
    let missing = keys(1, &["list"]);
    assert!(missing.err.contains("no such store") && !Path::new(&store).exists(), "{missing:?}");

    let key = keys(0, &["issue", "customer=acme", "seats:=3"]).out;
    let other = keys(0, &["issue", "--metadata", "{\"customer\": \"umbrella\"}"]).out;
    let (key, other) = (key.trim_end(), other.trim_end());
    assert!(key.starts_with("ak_") && key != other);
    let id = &key[3..19];

    let list = keys(0, &["list"]).out;
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(
        list.starts_with("ID ") && list.contains(id) && list.contains("umbrella") && !list.contains(key),
        "{list}"
    );
    let lines = keys(0, &["list", "--json"]).out;
    let ids: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    assert!(ids.contains(&json!(id)) && ids.contains(&json!(other[3..19])), "{lines}");
    for name in [id, key] {
        let shown: Value = serde_json::from_str(&keys(0, &["show", name]).out).unwrap();
        assert_eq!(
            (&shown["id"], &shown["metadata"]),
            (&json!(id), &json!({"customer": "acme", "seats": 3}))
        );
        assert_eq!(shown["reissued_at"], Value::Null);
    }

    let new = keys(0, &["reissue", id]).out;
    assert_eq!(&new[3..19], id);
    assert!(keys(1, &["show", key]).err.contains("no such API key"));
    assert_ne!(keys(0, &["show", new.trim_end()]).out, "");
    keys(0, &["revoke", new.trim_end()]);
    keys(0, &["revoke", &other[3..19]]);
    keys(1, &["revoke", id]);
    assert_eq!(keys(0, &["list"]).out.lines().count(), 1);
    keys(2, &["issue", "--metadata", "[]"]);
    keys(2, &["issue", "a=1", "a=2"]);
}

#[test]
fn certificates_made_here_let_a_server_and_a_client_meet() {
    let scratch = Scratch::new();
    let dir = scratch.path("certs");
    let cert = |code: i32, arguments: &[&str]| expect(code, &[&["cert", "--dir", &dir], arguments].concat());
    let early = cert(1, &["server", "localhost"]);
    assert!(early.err.contains("authority NAME"), "{early:?}");
    let pem = |name: &str| format!("{dir}/{name}.pem");
    let key = |name: &str| format!("{dir}/{name}.key");
    for (arguments, name) in [
        (&["authority", "the tests"][..], "authority"),
        (&["server", "localhost", "127.0.0.1"], "localhost"),
        (&["client", "alice", "--days", "7"], "alice"),
    ] {
        assert_eq!(cert(0, arguments).out, format!("{}\n{}\n", pem(name), key(name)));
    }
    assert!(cert(1, &["client", "alice"]).err.contains("--force"));
    cert(0, &["client", "alice", "--force"]);
    let authority = std::fs::read(pem("authority")).unwrap();
    cert(1, &["authority", "another", "--force"]);
    cert(2, &["client", "authority", "--force"]);
    assert_eq!(std::fs::read(pem("authority")).unwrap(), authority, "an authority is never overwritten");

    let tls = [
        "--tls-cert",
        &pem("localhost"),
        "--tls-key",
        &key("localhost"),
        "--tls-client-ca",
        &pem("authority"),
    ];
    let serving = Serving::start(&tls);
    let url = format!("tls://{}", serving.address);
    let trusting = ["--tls-ca", &pem("authority")];
    let own = ["--cert", &pem("alice"), "--key", &key("alice")];
    for url in [&url, &serving.address] {
        let said = expect(0, &[&["send", url, "a=1"], &trusting[..], &own[..]].concat());
        assert_eq!(said.out, "{\"a\":\"1\"}\n");
    }
    // Without a certificate of its own; and in the clear.
    expect(3, &[&["send", &url, "a=1"], &trusting[..]].concat());
    expect(3, &["send", &serving.address, "a=1"]);
    expect(2, &[&["send", &format!("tcp://{}", serving.address), "a=1"], &trusting[..]].concat());
    assert_eq!(serving.stop("TERM").code, 0);
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

#[test]
fn help_shows_examples_and_nobody_has_to_read_it() {
    assert_eq!(expect(0, &["--version"]).out, concat!("asyncapy ", env!("CARGO_PKG_VERSION"), "\n"));
    for name in ["serve", "send", "keys", "cert", "bench", "handlers"] {
        let said = expect(0, &[name, "--help"]);
        assert!(said.out.contains("Examples:") && said.out.contains(&format!("asyncapy {name}")), "{said:?}");
        assert!(!said.out.contains('\u{1b}') && said.err.is_empty());
    }
    for arguments in [&["serve", "--help"][..], &["handlers"], &["keys", "--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let said = Said::from(output);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
    }
    assert!(expect(0, &["handlers", "--help"]).out.contains("asyncapy::cli::describe()"));
}

#[test]
fn the_library_alone_needs_nothing_of_this() {
    let tree = cargo(&["tree", "-p", "asyncapy", "-e", "normal", "--prefix", "none"]);
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("tokio v"), "{tree}");
    for heavy in [
        "clap",
        "indicatif",
        "rustls",
        "rcgen",
        "redb",
        "toml",
        "rust-ini",
        "tracing-subscriber",
        "jiff",
        "rustix",
    ] {
        assert!(!tree.lines().any(|line| line.starts_with(&format!("{heavy} v"))), "{heavy}: {tree}");
    }
}
