//! `asyncapy send`: one packet, and what comes back.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use indicatif::ProgressBar;

use super::failure::{FAILED, Failure};
use super::fields::{self, Field};
use super::link::Link;
use super::{json, output, runtime};
use crate::error::Error;
use crate::packet::Packet;
use crate::wire::Encoding;

/// Send a packet and print the reply as JSON.
///
/// The packet is made of fields (name=text, name:=json), or of a JSON map: --json TEXT, --file FILE, or - for stdin.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    link: Link,

    /// Fields: name=text, name:=json; or - alone for a JSON map on stdin
    #[arg(value_name = "FIELD")]
    fields: Vec<String>,

    /// The packet as a JSON map
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["fields", "file"])]
    json: Option<String>,

    /// The packet as a JSON map in a file; - for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "fields")]
    file: Option<PathBuf>,

    /// How many replies to wait for; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,

    /// Print the replies as they came, header and all, in hexadecimal
    #[arg(long)]
    raw: bool,
}

const EXAMPLES: &str = "\
Examples:
  asyncapy send 127.0.0.1:8081 user=alice pin:=1234
  asyncapy send 127.0.0.1:8081 --json '{\"test\": 1}' --encoding ziproto
  generate | asyncapy send unix:///run/api.sock -
  asyncapy send tls://localhost:8081 --tls-ca certs/authority.pem test:=1

Exit codes:
  0  the server replied
  1  a reply is an error packet; it is printed all the same
  2  the command line is wrong
  3  no connection, no reply in time, or something that is no packet";

/// From this many bytes on, a packet takes long enough for something to move on the terminal.
const LONG: usize = 4 << 20;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let packet = packet(arguments)?;
    let refused = runtime()?.block_on(exchange(arguments, &packet))?;
    if refused { Err(Failure::silent(FAILED)) } else { Ok(()) }
}

/// Sends the packet and prints the replies; tells whether one of them is an error packet.
async fn exchange(arguments: &Arguments, packet: &Packet) -> Result<bool, Failure> {
    let client = arguments.link.connect().await?;
    let bar = spinner(packet.payload().len());
    client.send(packet).await.map_err(lost)?;
    let mut refused = false;
    for _ in 0..arguments.count {
        let frame = client.receive_raw().await.map_err(lost)?;
        bar.finish_and_clear();
        if arguments.raw {
            output::line(&hex(&frame))?;
        }
        let reply = read(&frame, arguments.link.header_size()).map_err(lost)?;
        refused |= is_failure(&reply);
        if !arguments.raw {
            print(&reply)?;
        }
    }
    client.disconnect().await.map_err(lost)?;
    bar.finish_and_clear();
    Ok(refused)
}

/// The packet of a whole frame: header, version, encoding, payload (protocol V2).
fn read(frame: &Bytes, header_size: usize) -> Result<Packet, Error> {
    let encoding = frame.get(header_size + 1).copied().and_then(Encoding::from_byte);
    let encoding = encoding.ok_or_else(|| Error::Protocol("its encoding is unknown".to_owned()))?;
    Packet::from_bytes(frame.slice(header_size + 2..), encoding)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn print(reply: &Packet) -> Result<(), Failure> {
    let reply = reply.to_encoding(Encoding::Json).map_err(lost)?;
    let text = String::from_utf8_lossy(reply.payload());
    Ok(output::line(&json::lay_out(&text, std::io::stdout().is_terminal()))?)
}

/// Whether a reply is an error packet (protocol V2, rule 3).
fn is_failure(reply: &Packet) -> bool {
    reply.get("status").and_then(|status| status.as_str()).is_some_and(|status| status == "failure")
}

/// The packet, in the encoding in which it goes out.
fn packet(arguments: &Arguments) -> Result<Packet, Failure> {
    let wrong = |what: &str, error: Error| Failure::usage(format!("{what}: {error}"));
    let encoding = arguments.link.encoding();
    let (text, what) = match (&arguments.json, &arguments.file, arguments.fields.as_slice()) {
        (Some(text), ..) => (text.clone(), "--json".to_owned()),
        (_, Some(path), _) if path.as_os_str() != "-" => (read_file(path)?, path.display().to_string()),
        (_, None, []) => {
            return Err(Failure::usage("nothing to send: give fields, --json, --file, or - for stdin"));
        }
        (_, None, fields) if fields != ["-"] => {
            let fields =
                fields.iter().map(|text| fields::parse(text).map_err(|why| format!("{text:?}: {why}")));
            let fields: Vec<Field> = fields.collect::<Result<_, _>>().map_err(Failure::usage)?;
            let map = fields::map(&fields).map_err(Failure::usage)?;
            return Packet::encoded(&map, encoding).map_err(|error| wrong("the fields", error));
        }
        _ => (read_stdin()?, "stdin".to_owned()),
    };
    let packet =
        Packet::from_bytes(text.trim().to_owned(), Encoding::Json).map_err(|error| wrong(&what, error))?;
    packet.to_encoding(encoding).map_err(|error| wrong(&what, error))
}

fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::usage(format!("stdin: {error}")))?;
    Ok(text)
}

/// Something that moves while a long packet is on its way; nothing where stderr is no terminal.
fn spinner(length: usize) -> ProgressBar {
    if length < LONG || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(format!("sending {} MiB", length >> 20));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// What goes wrong on a connection.
fn lost(error: Error) -> Failure {
    match error {
        Error::TimedOut => Failure::connection("no reply in time; --timeout says how long to wait"),
        Error::Closed => Failure::connection("the server closed the connection without a reply"),
        error => Failure::connection(error),
    }
}
