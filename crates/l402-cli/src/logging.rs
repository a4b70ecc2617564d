//! The log: on stderr, warnings by default, more with `--log` or `RUST_LOG`.

use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// The most lines of a gateway's log that wait to be written. Further ones are dropped.
const QUEUE: usize = 1024;

/// The longest wait of [`finish`]: perhaps nobody reads stderr any more.
const FLUSH: Duration = Duration::from_secs(1);

/// The way to the thread that writes, if there is one.
static WRITER: OnceLock<Queued> = OnceLock::new();

/// The least weight of what is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Starts the log. `RUST_LOG` wins over `--log`, as the finer of the two.
///
/// If the command `sells`, the warning that the sandbox is no real money is shown. A buyer has named
/// the sandbox on the command line, and the demo says so itself.
pub(crate) fn start(level: Option<LogLevel>, sells: bool) {
    let default = match level {
        // The SDK warns of every error that it answers, with the client's words.
        None if !sells => "warn,l402_lightning::sandbox=error,l402_gateway::run=error,rmcp=error",
        None | Some(LogLevel::Warn) => "warn",
        Some(LogLevel::Error) => "error",
        Some(LogLevel::Info) => {
            "warn,l402_cli=info,l402_client=info,l402_gateway=info,l402_lightning=info,\
              l402_registry=info,l402_server=info"
        }
        Some(LogLevel::Debug) => {
            "info,l402_cli=debug,l402_client=debug,l402_gateway=debug,l402_lightning=debug,\
              l402_registry=debug,l402_server=debug"
        }
        Some(LogLevel::Trace) => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let writer = match sells.then(queued).flatten() {
        Some(queued) => BoxMakeWriter::new(move || queued.clone()),
        None => BoxMakeWriter::new(io::stderr),
    };
    // A second start in one process (a test) keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Escape sequences in a log file would only be noise.
        .with_ansi(io::stderr().is_terminal())
        .with_writer(writer)
        .try_init();
}

/// Waits until the log so far is written, for a second at most. Call it before the process ends.
pub(crate) fn finish() {
    if let Some(Queued(queue)) = WRITER.get() {
        let (send, done) = sync_channel(1);
        if queue.try_send(Message::Flush(send)).is_ok() {
            let _ = done.recv_timeout(FLUSH);
        }
    }
}

enum Message {
    Flush(SyncSender<()>),
    Line(Vec<u8>),
}

/// A writer that never waits. Workers of a gateway write their warnings, and a stderr that nobody
/// reads, such as a paused terminal, must not stop them.
#[derive(Clone)]
struct Queued(SyncSender<Message>);

impl Write for Queued {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A full queue drops the line: the alternative is to stop selling.
        let _ = self.0.try_send(Message::Line(line.to_vec()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the thread that writes, once. `None` if there is no thread to be had.
fn queued() -> Option<Queued> {
    if let Some(queued) = WRITER.get() {
        return Some(queued.clone());
    }
    let (send, receive) = sync_channel(QUEUE);
    let thread = std::thread::Builder::new().name("l402-program-log".to_owned());
    thread.spawn(move || write_all(&receive)).ok()?;
    Some(WRITER.get_or_init(|| Queued(send)).clone())
}

fn write_all(queue: &Receiver<Message>) {
    let mut out = l402_host::open_stderr().unwrap_or_else(|_| Box::new(io::stderr()));
    for message in queue {
        match message {
            Message::Flush(done) => {
                // A caller that no longer waits need not be told.
                let _ = done.try_send(());
            }
            Message::Line(line) => {
                // Without a stderr there is nobody to tell that there is none.
                let _ = out.write_all(&line);
            }
        }
    }
}
