//! What a plain connection costs the server that says nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use asyncapy::wire::Encoding;

use crate::Effort;
use crate::figures::verdict;
use crate::order::{Order, frame};
use crate::server::Server;

/// In bytes a connection.
const LIMIT: f64 = 4096.0;
/// Connections that are there before, so that the server's first steps are not counted.
const BEFORE: usize = 100;

pub fn run(effort: Effort) {
    let wanted = effort.connections.min(open_files().saturating_sub(BEFORE + 64));
    println!("Memory of the server for each of {wanted} idle connections, bytes");
    let server = Server::start("asyncapy-typed");
    let mut streams = Vec::new();
    let mut grow = |count: usize| {
        streams.extend((0..count).map(|_| TcpStream::connect(server.address).unwrap()));
        exchange(streams.last_mut().unwrap());
    };
    grow(BEFORE);
    let before = settled(&server);
    grow(wanted);
    let fresh = settled(&server);
    for stream in &mut streams {
        exchange(stream);
    }
    let used = settled(&server);
    for (name, after) in [("nothing said yet", fresh), ("after a packet and its reply", used)] {
        let each = after.saturating_sub(before) as f64 / wanted as f64;
        println!("{name:<44}{each:>9.0}  {}", verdict(each <= LIMIT));
    }
    println!("target: <= {LIMIT}\n");
}

/// Sends a packet and reads its reply: by then the connections before it have been accepted.
fn exchange(stream: &mut TcpStream) {
    let frame = frame(Encoding::Json, &Order::numbered(1).payload(Encoding::Json));
    stream.write_all(&frame).unwrap();
    let mut reply = vec![0; frame.len()];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply, frame);
}

/// The server's memory once it has nothing more to do.
fn settled(server: &Server) -> u64 {
    let began = Instant::now();
    let mut cpu = server.cpu();
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = server.cpu();
        if now - cpu < 100_000 || began.elapsed() > Duration::from_secs(5) {
            return server.resident();
        }
        cpu = now;
    }
}

/// How many files this process may open; the server may open as many.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX)
}
