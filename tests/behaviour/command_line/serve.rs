//! `asyncapy serve --echo`.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};

use asyncapy::{Encoding, Packet};
use serde_json::Value;

use super::{HELLO, Scratch, Serving, command, exchange, expect, hex};

/// How the packets of a server are framed.
#[derive(Clone, Copy)]
struct Header {
    size: usize,
    order: &'static str,
}

impl Header {
    fn write(self, body: &[u8]) -> Vec<u8> {
        let mut length = (body.len() as u64).to_le_bytes()[..self.size].to_vec();
        if self.order == "big" {
            length.reverse();
        }
        [&length, body].concat()
    }

    fn read(self, bytes: &[u8]) -> usize {
        let fold = |length, byte: &u8| length << 8 | usize::from(*byte);
        let header = &bytes[..self.size];
        if self.order == "big" { header.iter().fold(0, fold) } else { header.iter().rev().fold(0, fold) }
    }

    /// The whole packets at the front, to be compared: error packets byte for byte, others by value.
    fn packets(self, mut bytes: &[u8]) -> Vec<String> {
        let mut packets = Vec::new();
        while bytes.len() >= self.size && bytes.len() - self.size >= self.read(bytes) {
            let (frame, rest) = bytes.split_at(self.size + self.read(bytes));
            let encoding = Encoding::from_byte(frame[self.size + 1]).unwrap();
            let packet = Packet::from_bytes(frame[self.size + 2..].to_vec(), encoding).unwrap();
            let value = packet.deserialize::<Value>().unwrap();
            packets.push(if packet.contains("error") { format!("{frame:02x?}") } else { value.to_string() });
            bytes = rest;
        }
        packets
    }
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

#[test]
fn serve_speaks_as_the_vectors_say() {
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/asyncaproto-v2.json")).unwrap();
    let timed_out: String = "ERR_TIMED_OUT".bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut tried = 0;
    for (size, order) in
        [(1, "big"), (2, "big"), (2, "little"), (4, "big"), (4, "little"), (8, "big"), (8, "little")]
    {
        let header = Header { size, order };
        let serving = Serving::start(&["--header-size", &size.to_string(), "--byteorder", order]);
        for vector in vectors["vectors"].as_array().unwrap() {
            let texts = |name: &str| {
                vector[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>()
            };
            let expected = texts("expect").concat();
            let same =
                vector["handler"] == "echo" && vector["header_size"] == size && vector["byteorder"] == order;
            // Those that wait have a test of their own, with a clock that does not.
            if !same || expected.contains(&timed_out) {
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
            let mut expected = header.packets(&hex(&expected));
            if vector["client_half_close"] == true {
                stream.shutdown(Shutdown::Write).unwrap();
            } else if vector["then"] == "open" {
                stream.write_all(&header.write(&hex(&HELLO[8..]))).unwrap();
                expected.push(r#"{"test":1}"#.to_owned());
            }
            let (mut got, mut some) = (Vec::new(), [0; 4096]);
            let ends = vector["then"] == "closed" || vector["client_half_close"] == true;
            while ends || header.packets(&got).len() < expected.len() {
                match stream.read(&mut some) {
                    Ok(length @ 1..) => got.extend_from_slice(&some[..length]),
                    Ok(0) => break,
                    // What was sent after the packet that was refused makes the close a reset.
                    Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                    Err(error) => panic!("{}: {error}", vector["id"]),
                }
            }
            assert_eq!(header.packets(&got), expected, "{}", vector["id"]);
        }
        assert_eq!(serving.stop("TERM").code, 0);
    }
    assert!(tried >= 40, "{tried} vectors");
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
