//! The `asyncapy` command, driven as people and other programs drive it: by its flags, its output and its exit codes.
#![cfg(unix)]

mod call;
mod keys_and_certificates;
mod send;
mod serve;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

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
