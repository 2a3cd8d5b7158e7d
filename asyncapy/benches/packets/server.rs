//! The servers that are compared, each in a process of its own: this very program, run again.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use asyncapy::prelude::*;
use asyncapy::server::Builder;
use tokio::net::TcpListener;

use crate::by_hand;
use crate::order::Order;

/// The argument by which this program knows that it is to be a server.
pub const SERVE: &str = "--as-server";

#[handler]
async fn typed(Typed(order): Typed<Order>) -> Order {
    order
}

#[handler]
async fn raw(packet: Packet) -> Packet {
    packet
}

/// A server in a process of its own, which ends with this value.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(kind: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut process = Command::new(program)
            .args([SERVE, kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().parse().unwrap_or_else(|_| panic!("the server `{kind}` did not start: {line:?}"));
        Self { process, address }
    }

    /// What all its threads have spent on a CPU so far, in nanoseconds. True to the last one while it waits.
    pub fn cpu(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let spent = |thread: io::Result<fs::DirEntry>| -> u64 {
            let text = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            text.split_whitespace().next().unwrap().parse().unwrap()
        };
        threads.map(spent).sum()
    }

    /// The memory that it holds, in bytes.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when its input does; should it not, it is ended.
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is a server until the standard input ends.
pub fn serve(kind: &str) {
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match kind {
            "asyncapy-typed" => ours(asyncapy::Server::builder().register(typed)).await,
            "asyncapy-raw" => ours(asyncapy::Server::builder().register(raw)).await,
            "by-hand-typed" => by_hand::serve(listener().await, by_hand::typed).await.unwrap(),
            "by-hand-raw" => by_hand::serve(listener().await, by_hand::raw).await.unwrap(),
            unknown => panic!("no server is called {unknown}"),
        }
    });
}

async fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    listener
}

async fn ours(builder: Builder) {
    let builder = builder.port(0).limits(|limits| {
        limits.connections_per_address = 100_000;
        limits.new_connections_per_address = 100_000;
    });
    let running = builder.build().unwrap().start().await.unwrap();
    println!("{}", running.local_addr().unwrap());
    std::future::pending::<()>().await;
}
