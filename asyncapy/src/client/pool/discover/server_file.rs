use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::warn;

use super::Discover;
use crate::client::ServerAddress;
use crate::error::{Error, Result};

/// A file with a server a line, looked at again and again.
///
/// A line is `host:port`, and after a space the weight where it is not 1; `tls://` and `unix://` places are allowed. What
/// follows a `#` is a comment.
///
/// ```text
/// # the machines of the first hall
/// 10.0.0.7:1500 3
/// 10.0.0.8:1500       # new since Monday
/// ```
///
/// A file that is gone, is empty or has a mistake changes nothing: the client keeps the last good list, and a warning names
/// the line. Write a new file beside it and rename that over it: a file that is looked at while half of it is written
/// may be taken for whole.
///
/// ```no_run
/// use std::time::Duration;
/// use asyncapy::client::{RpcClient, ServerFile};
///
/// let source = ServerFile::new("servers.txt").every(Duration::from_secs(1));
/// let client = RpcClient::builder().discover(source);
/// ```
#[derive(Clone, Debug)]
pub struct ServerFile {
    path: PathBuf,
    every: Duration,
    /// What was seen last: only what differs is read.
    seen: Option<Stamp>,
    /// What was given out last.
    last: Vec<ServerAddress>,
    /// What was warned of last, so that the log says it once.
    warned: Option<String>,
}

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// A file that was changed less than this before it was read may change again without a new time, since file systems
/// count in ticks.
const TICK: Duration = Duration::from_secs(2);

/// When a file was changed last, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    changed: SystemTime,
    length: u64,
}

impl ServerFile {
    /// The file at `path`, looked at every 5 s.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let every = Duration::from_secs(5);
        Self { path: path.into(), every, seen: None, last: Vec::new(), warned: None }
    }

    /// The time between two looks, 5 s by default; no less than 100 ms.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.max(super::SHORTEST);
        self
    }

    /// The servers, if the file may have changed since it was seen last.
    async fn look(&mut self) -> Result<Option<Vec<ServerAddress>>> {
        let (path, seen) = (self.path.clone(), self.seen);
        let looked = spawn_blocking(move || read(&path, seen)).await;
        let looked = looked.map_err(|error| Error::Config(format!("the look was not taken: {error}")))?;
        let Some((stamp, text)) = looked? else { return Ok(None) };
        self.seen = stamp;
        parse(&text).map(Some)
    }

    fn explain(&self, error: &Error) -> String {
        let what = match error {
            Error::Config(what) => what.clone(),
            other => other.to_string(),
        };
        format!("the list of servers {}: {what}", self.path.display())
    }

    fn warn_once(&mut self, what: String) {
        if self.warned.as_ref() != Some(&what) {
            warn!(part = "Client", problem = ?what, "The list of servers stays as it was");
            self.warned = Some(what);
        }
    }
}

impl Discover for ServerFile {
    async fn changed(&mut self) -> Result<Vec<ServerAddress>> {
        loop {
            let started = !self.last.is_empty();
            if started {
                sleep(self.every).await;
            }
            match self.look().await {
                Ok(Some(servers)) => {
                    self.warned = None;
                    if servers != self.last {
                        self.last.clone_from(&servers);
                        return Ok(servers);
                    }
                }
                Ok(None) => {}
                Err(error) if started => self.warn_once(self.explain(&error)),
                Err(error) => {
                    self.seen = None;
                    return Err(Error::Config(self.explain(&error)));
                }
            }
        }
    }
}

/// The file's text and what to know it by, unless it is as it was `seen`.
fn read(path: &Path, seen: Option<Stamp>) -> Result<Option<(Option<Stamp>, String)>> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    let stamp = Stamp { changed: about.modified()?, length: about.len() };
    if seen == Some(stamp) {
        return Ok(None);
    }
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(Error::Config(format!("it is longer than the {LONGEST} bytes that are allowed")));
    }
    let settled = stamp.changed.elapsed().is_ok_and(|age| age > TICK);
    Ok(Some((settled.then_some(stamp), text)))
}

/// The servers in `text`, a line each.
fn parse(text: &str) -> Result<Vec<ServerAddress>> {
    let mut servers: Vec<ServerAddress> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |what: String| Error::Config(format!("line {number}: {what}"));
        let server: ServerAddress = line.parse().map_err(|error| match error {
            Error::Config(what) => wrong(what),
            other => other,
        })?;
        if servers.iter().any(|other| other.endpoint == server.endpoint) {
            return Err(wrong(format!("{} stands there twice", server.endpoint)));
        }
        servers.push(server);
    }
    ServerAddress::check_all(&servers)?;
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_become_servers() {
        let text = "# all of them\n\na:1 3\n  b:2   # new\r\ntls://c:3\n";
        let servers: Vec<_> = parse(text).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["tcp://a:1 3", "tcp://b:2", "tls://c:3"]);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, what) in [
            ("a:1\nb\n", "line 2: \"b\""),
            ("\n#\na:1 x", "line 3: \"x\""),
            ("a:1\na:1 2", "line 2: tcp://a:1 stands there twice"),
            ("# nobody", "no server"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    /// A file of this test alone, removed at its end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("asyncapy-{name}-{}", std::process::id())))
        }

        fn write(&self, text: &str) {
            let beside = self.0.with_extension("new");
            fs::write(&beside, text).unwrap();
            fs::rename(&beside, &self.0).unwrap();
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_file(&self.0));
        }
    }

    async fn next(source: &mut ServerFile) -> Option<usize> {
        let changed = tokio::time::timeout(Duration::from_secs(1), source.changed());
        changed.await.ok().map(|servers| servers.unwrap().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_file_keeps_the_last_good_list() {
        let file = Scratch::new("server-file");
        let mut source = ServerFile::new(&file.0).every(Duration::from_millis(200));
        let missing = source.changed().await.unwrap_err().to_string();
        assert!(missing.contains("asyncapy-server-file"), "{missing}");
        file.write("a:1\nb:2 x\n");
        let broken = source.changed().await.unwrap_err().to_string();
        assert!(broken.contains("line 2") && broken.contains("asyncapy-server-file"), "{broken}");

        file.write("a:1\nb:2\n");
        assert_eq!(next(&mut source).await, Some(2));
        assert_eq!(next(&mut source).await, None, "nothing has changed");
        file.write("a:1\nb:2\nc 3\n");
        assert_eq!(next(&mut source).await, None, "it is broken");
        assert!(
            source.warned.as_ref().is_some_and(|warned| warned.contains("line 3")),
            "{:?}",
            source.warned
        );
        fs::remove_file(&file.0).unwrap();
        assert_eq!(next(&mut source).await, None, "it is gone");
        file.write("a:1\nb:2\nc:3\n");
        assert_eq!(next(&mut source).await, Some(3));
        // The same length, and perhaps the same tick of the file system's clock.
        file.write("a:1\nb:2\nc:4\n");
        assert_eq!(next(&mut source).await, Some(3));
    }
}
