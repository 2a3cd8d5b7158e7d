use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::wait::in_time;

/// The program `echo-server` in a process of its own: what it uses can be measured, and what it may use can be cut.
///
/// It is killed when dropped.
#[derive(Debug)]
pub struct ChildServer {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl ChildServer {
    /// Starts it with settings as in a file, `key=value`, and a limit of open files where one is named.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(program: &str, settings: &[&str], files: Option<usize>) -> Self {
        let mut command = match files {
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!(r#"ulimit -n {files}; exec "$0" "$@""#)).arg(program);
                shell
            }
            None => Command::new(program),
        };
        let mut child = command
            .args(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = in_time("the server's first line", stdout.next_line()).await.expect("a line");
        let address = line.as_deref().and_then(|line| line.strip_prefix("listening on ")?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the first line was {line:?}"));
        Self { child, stdout, address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("the server runs")
    }

    fn proc(&self, file: &str) -> String {
        let path = Path::new("/proc").join(self.pid().to_string()).join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Whether it still runs.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// The CPU time that it has used so far, to a hundredth of a second.
    ///
    /// # Panics
    /// If the system does not tell.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        // The name in parentheses may hold anything; the fields behind it are counted from the third.
        let rest = stat.rsplit_once(')').expect("a name").1;
        let fields: Vec<u64> =
            rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        let [user, system] = fields[..] else { panic!("no times in {stat:?}") };
        Duration::from_millis((user + system) * 10)
    }

    /// Its resident memory in bytes.
    ///
    /// # Panics
    /// If the system does not tell.
    #[must_use]
    pub fn resident(&self) -> usize {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }

    /// Its open descriptors.
    ///
    /// # Panics
    /// If the system does not tell.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", self.pid());
        std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}")).count()
    }

    /// Sends it a signal by name, such as `TERM`.
    ///
    /// # Panics
    /// If that cannot be done.
    pub async fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.await.expect("kill").success());
    }

    /// Waits for its end: what it still says, and whether it was a success.
    ///
    /// # Panics
    /// If it does not end in time.
    pub async fn end(mut self) -> (Vec<String>, bool) {
        let mut said = Vec::new();
        while let Some(line) =
            in_time("the end of what it says", self.stdout.next_line()).await.expect("a line")
        {
            said.push(line);
        }
        let status = in_time("its end", self.child.wait()).await.expect("its status");
        (said, status.success())
    }
}

/// How many descriptors this process may open.
///
/// # Panics
/// If the system does not tell.
#[must_use]
pub fn own_descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("/proc/self/limits");
    let line =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("the limit of open files");
    line.split_whitespace().next().and_then(|soft| soft.parse().ok()).unwrap_or(1024)
}
