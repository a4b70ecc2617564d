//! The access log: a queue with a bound, and the one thread that writes.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use l402_host::{Clock, open_stderr};

use super::Counters;
use super::counters::CounterCells;
use super::line::{Line, TimeText};
use super::summary;
use crate::config::{LogFormat, LogSettings};
use crate::{GatewayError, GatewayErrorKind};

/// The most lines that wait to be written, some tens of megabytes if all name long
/// paths. Further ones are dropped.
const QUEUE: usize = 4096;

/// The text that is gathered before it is written, in bytes.
const BATCH: usize = 64 * 1024;

/// The longest time that a line waits for others to be written with it. A worker need not wake the
/// writer meanwhile.
const GATHER: Duration = Duration::from_millis(20);

/// The time between two summaries on a terminal.
const SUMMARY: Duration = Duration::from_secs(60);

/// The longest wait of [`AccessLog::flush`]: the reader of stderr may have stopped reading.
const FLUSH: Duration = Duration::from_secs(1);

/// The workers' end of the log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    /// Unbounded, so that a flush always passes; `waiting` bounds the lines.
    queue: Sender<Message>,
    backlog: Arc<Backlog>,
}

enum Message {
    Flush(Sender<()>),
    Line(Box<Line>),
}

/// The lines between the workers and the writer.
#[derive(Debug, Default)]
struct Backlog {
    waiting: AtomicUsize,
    /// All that were ever dropped.
    dropped: AtomicU64,
}

impl AccessLog {
    /// Opens the file and starts the thread, which ends when the last handle is gone.
    pub(super) fn open(
        settings: &LogSettings,
        counters: Arc<CounterCells>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, GatewayError> {
        let (out, is_terminal): (Box<dyn Write + Send>, _) = match &settings.file {
            Some(path) => (Box::new(open_file(path)?), false),
            None => (
                open_stderr().map_err(no_stderr)?,
                io::stderr().is_terminal(),
            ),
        };
        // A summary is for somebody at a terminal: a file gets the lines of requests alone.
        let summary = is_terminal.then(|| (counters.read(), clock.monotonic()));
        Self::start(|queue, backlog| Writer {
            queue,
            backlog,
            out,
            format: settings.format,
            clock,
            counters,
            summary,
            dropped: 0,
            texts: TimeText::default(),
            is_broken: false,
        })
    }

    fn start(
        writer: impl FnOnce(Receiver<Message>, Arc<Backlog>) -> Writer,
    ) -> Result<Self, GatewayError> {
        let (send, receive) = mpsc::channel();
        let backlog = Arc::new(Backlog::default());
        let writer = writer(receive, Arc::clone(&backlog));
        // A thread of its own, so that no request waits for a slow disk.
        std::thread::Builder::new()
            .name("l402-log".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| {
                let text = format!("cannot start a thread: {error}");
                GatewayError::new(GatewayErrorKind::Runtime, text)
            })?;
        Ok(Self {
            queue: send,
            backlog,
        })
    }

    /// Queues a line, or drops it if the queue is full. Never waits.
    pub(super) fn write(&self, line: Line) {
        // Counted before it is sent, so that the writer never takes away more than was added.
        let full = self.backlog.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE;
        if full || self.queue.send(Message::Line(Box::new(line))).is_err() {
            self.backlog.waiting.fetch_sub(1, Ordering::Relaxed);
            self.backlog.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the number of lines that were dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.backlog.dropped.load(Ordering::Relaxed)
    }

    /// Waits until every line so far is written, for a second at most.
    pub(super) fn flush(&self) {
        let (send, done) = mpsc::channel();
        if self.queue.send(Message::Flush(send)).is_ok() {
            // A log that cannot be written must not keep the program from ending.
            let _ = done.recv_timeout(FLUSH);
        }
    }
}

fn no_stderr(error: io::Error) -> GatewayError {
    let text = format!("cannot write to stderr: {error}");
    GatewayError::new(GatewayErrorKind::Runtime, text)
}

/// Opens a log file to append to. A new one is for its owner alone: it tells what was sold.
fn open_file(path: &Path) -> Result<std::fs::File, GatewayError> {
    #[cfg(unix)]
    if std::fs::metadata(path)
        .is_ok_and(|found| std::os::unix::fs::FileTypeExt::is_fifo(&found.file_type()))
    {
        // Opening it would wait for a reader, in the middle of a start.
        let text = format!("log.file: {} is a pipe; name a file", path.display());
        return Err(GatewayError::new(GatewayErrorKind::Configuration, text));
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| {
        let text = format!("log.file: cannot open {}: {error}", path.display());
        GatewayError::new(GatewayErrorKind::Configuration, text)
    })
}

/// The thread's end of the log.
struct Writer {
    queue: Receiver<Message>,
    backlog: Arc<Backlog>,
    out: Box<dyn Write + Send>,
    format: LogFormat,
    clock: Arc<dyn Clock>,
    counters: Arc<CounterCells>,
    /// The counters at the last summary, and its time. `None` if nobody wants one.
    summary: Option<(Counters, Duration)>,
    /// The dropped lines that the log has told of.
    dropped: u64,
    texts: TimeText,
    /// True since a write has failed: the failure is told once.
    is_broken: bool,
}

impl Writer {
    fn run(mut self) {
        let mut text = String::new();
        loop {
            match self.queue.recv_timeout(self.until_summary()) {
                Ok(message) => {
                    self.take(message, &mut text);
                    // Under load there is enough to gather, and no time to lose.
                    if self.backlog.waiting.load(Ordering::Relaxed) < QUEUE / 8 {
                        std::thread::sleep(GATHER);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // What has queued up meanwhile goes out with the same write.
            while text.len() < BATCH
                && let Ok(message) = self.queue.try_recv()
            {
                self.take(message, &mut text);
            }
            self.summarise(&mut text);
            self.write(&mut text);
        }
    }

    fn take(&mut self, message: Message, text: &mut String) {
        match message {
            Message::Line(line) => {
                self.backlog.waiting.fetch_sub(1, Ordering::Relaxed);
                line.write(self.format, &mut self.texts, text);
            }
            Message::Flush(done) => {
                self.write(text);
                // Nobody waits any more: then nobody misses it.
                let _ = done.send(());
            }
        }
    }

    /// Writes the text, and how many lines are missing since the last time.
    fn write(&mut self, text: &mut String) {
        let dropped = self.backlog.dropped.load(Ordering::Relaxed);
        if dropped > self.dropped {
            let (time, lines) = (self.clock.wall().to_rfc3339(), dropped - self.dropped);
            text.push_str(&match self.format {
                LogFormat::Json => {
                    format!("{{\"time\":\"{time}\",\"event\":\"dropped\",\"lines\":{lines}}}\n")
                }
                LogFormat::Text => format!("{time} dropped lines={lines}\n"),
            });
            self.dropped = dropped;
        }
        if text.is_empty() {
            return;
        }
        let written = self.out.write_all(text.as_bytes());
        text.clear();
        // Told once for an outage: each further write would fail for the same reason.
        if let Err(error) = &written
            && !self.is_broken
        {
            tracing::error!(%error, "the access log cannot be written");
        }
        self.is_broken = written.is_err();
    }

    fn until_summary(&self) -> Duration {
        self.summary.map_or(SUMMARY, |(_, last)| {
            let since = self.clock.monotonic().saturating_sub(last);
            // Never zero, even if the clock of a test jumps.
            SUMMARY.saturating_sub(since).max(Duration::from_millis(1))
        })
    }

    fn summarise(&mut self, text: &mut String) {
        let now = self.clock.monotonic();
        if let Some((before, last)) = &mut self.summary
            && now.saturating_sub(*last) >= SUMMARY
        {
            let after = self.counters.read();
            summary::write(before, &after, self.clock.wall(), self.format, text);
            (*before, *last) = (after, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::Method;
    use l402::{Problem, UnixTime};
    use l402_host::ManualClock;
    use l402_lightning::sandbox::Sandbox;
    use l402_server::observe::{Exchange, Observe, Refused};
    use l402_server::{Paywall, Refusal};

    use super::*;

    /// Makes lines of refusals: nothing but a paywall makes an exchange.
    #[derive(Debug, Default)]
    struct Lines(Mutex<Vec<Line>>);

    impl Observe for Lines {
        fn refused(&self, exchange: &Exchange, refused: &Refused) {
            let line = Line::refused(exchange, refused, UnixTime::from_secs(0));
            self.0.lock().unwrap().push(line);
        }
    }

    /// Returns the line `refused GET - 400`.
    fn line() -> Line {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(0)));
        let node = Sandbox::open(home.path(), clock.clone()).unwrap();
        let lines = Arc::new(Lines::default());
        let paywall = Paywall::builder(Arc::new(node)).clock(clock);
        let refusal = Refusal::new(Problem::BadRequest);
        let paywall = paywall.observer(lines.clone()).build();
        paywall.observe_refusal(&Method::GET, &refusal);
        lines.0.lock().unwrap().remove(0)
    }

    /// A file that takes nothing until its gate is opened.
    struct Gated {
        gate: Receiver<()>,
        entered: Sender<()>,
        text: Arc<Mutex<String>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.entered.send(());
            let _ = self.gate.recv();
            let text = String::from_utf8_lossy(bytes);
            self.text.lock().unwrap().push_str(&text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// ATTACKS D-14.
    #[test]
    fn a_full_queue_drops_lines_and_says_how_many() {
        let (open, gate) = mpsc::channel();
        let (entered, waits) = mpsc::channel();
        let text = Arc::new(Mutex::default());
        let out = Gated {
            gate,
            entered,
            text: Arc::clone(&text),
        };
        let log = AccessLog::start(|queue, backlog| Writer {
            queue,
            backlog,
            out: Box::new(out),
            format: LogFormat::Text,
            clock: Arc::new(ManualClock::new(UnixTime::from_secs(0))),
            counters: Arc::default(),
            summary: None,
            dropped: 0,
            texts: TimeText::default(),
            is_broken: false,
        })
        .unwrap();
        let line = line();
        log.write(line.clone());
        // From here on the writer hangs, and nothing is taken out of the queue.
        waits.recv().unwrap();
        for _ in 0..QUEUE + 7 {
            log.write(line.clone());
        }
        assert_eq!(log.dropped(), 7);
        drop(open);
        log.flush();
        let text = text.lock().unwrap();
        assert_eq!(text.matches(" refused GET - 400").count(), QUEUE + 1);
        assert_eq!(
            text.matches("1970-01-01T00:00:00Z dropped lines=7\n")
                .count(),
            1
        );
    }
}
