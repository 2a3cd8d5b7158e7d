use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for stderr at most; more are dropped and counted.
const LINES: usize = 8_192;

/// The way to stderr for the log: a thread of its own writes, so that a reader of stderr who falls asleep stops no
/// connection.
#[derive(Clone)]
pub(super) struct Log {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
    /// Closed when all has been written, which is when the last `Log` is gone or [`Log::finish`] was called.
    finished: Arc<Mutex<Receiver<()>>>,
}

impl Log {
    pub(super) fn new() -> io::Result<Self> {
        let (lines, waiting) = sync_channel::<Vec<u8>>(LINES);
        let (writing, finished) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = dropped.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            // An empty line is the end.
            while let Ok(line) = waiting.recv()
                && !line.is_empty()
            {
                let lost = lost.swap(0, Ordering::Relaxed);
                let mut stderr = io::stderr().lock();
                // A log that cannot be written has nowhere to say so.
                if lost > 0 {
                    let _ =
                        writeln!(stderr, "({lost} lines of the log were dropped: stderr is read too slowly)");
                }
                let _ = stderr.write_all(&line);
            }
            drop(writing);
        })?;
        Ok(Self { lines, dropped, finished: Arc::new(Mutex::new(finished)) })
    }

    /// Hands a line over.
    pub(super) fn line(&self, line: impl Into<Vec<u8>>) {
        if self.lines.try_send(line.into()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all has been written, but no longer than `patience`.
    pub(super) fn finish(&self, patience: Duration) {
        self.line(Vec::new());
        // Nothing is ever sent: the other end is closed in time, or it is not, and then the lines are lost.
        let _ = self.finished.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience);
    }
}

impl<'writer> MakeWriter<'writer> for Log {
    type Writer = &'writer Log;

    fn make_writer(&'writer self) -> Self::Writer {
        self
    }
}

impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
