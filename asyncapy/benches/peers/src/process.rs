//! The servers that are compared, each in a process of its own: this very program, run again.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tokio::runtime::{Builder, Runtime};

use crate::system::System;

/// The argument by which this program knows that it is to be a server.
pub const SERVE: &str = "--serve";

/// A server in a process of its own, which ends with this value.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(system: &System, threads: usize) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut process = Command::new(program)
            .args([SERVE, system.name, &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let name = system.name;
        let address =
            line.trim().parse().unwrap_or_else(|_| panic!("the server `{name}` did not start: {line:?}"));
        Self { process, address }
    }

    /// What its threads have spent on a CPU so far, in nanoseconds.
    pub fn cpu(&self) -> u64 {
        cpu(&self.process.id().to_string())
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

/// What this process's threads have spent on a CPU so far, in nanoseconds: all of the client's side.
pub fn own_cpu() -> u64 {
    cpu("self")
}

/// The scheduler's own count: `getrusage` and `/proc/PID/stat` tell ticks of ten milliseconds. True to the last
/// nanosecond for threads that wait.
fn cpu(process: &str) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    // A thread may end between the list and the look at it.
    let spent = |thread: io::Result<fs::DirEntry>| -> Option<u64> {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    threads.filter_map(spent).sum()
}

/// Either side's runtime: so many threads that work.
pub fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
}

/// Is a server until the standard input ends.
pub fn serve(system: &System, threads: usize) {
    let runtime = runtime(threads);
    let address = runtime.block_on(async { tokio::spawn((system.serve)()).await.unwrap() });
    println!("{address}");
    let _ = io::stdin().read(&mut [0]);
    std::process::exit(0);
}
