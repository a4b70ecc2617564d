//! A question at the terminal of the process, whatever its input and output are connected to.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use crate::error::CliError;
use crate::exit_code;
use crate::signal::Interrupt;
use crate::terminal::Hidden;

/// The longest passphrase, in bytes.
pub(super) const PASSPHRASE_MAX: u64 = 1024;

/// The terminal of the process.
#[derive(Debug)]
pub(super) struct Terminal(File);

impl Terminal {
    /// Opens the terminal. `None` if the process has none, as under a program that starts it.
    pub(super) fn open() -> Option<Self> {
        let file = File::options().read(true).write(true).open("/dev/tty");
        file.ok().map(Self)
    }

    /// Writes a line to it.
    pub(super) fn tell(&self, text: &str) {
        let _ = writeln!(&self.0, "{text}");
    }

    /// Asks for a line that the terminal does not show. Ctrl-C ends the question.
    ///
    /// # Errors
    /// If the terminal cannot hide what is typed or is gone, or for Ctrl-C.
    pub(super) async fn ask(&self, question: &str) -> Result<String, CliError> {
        let failed = |error: std::io::Error| CliError::local_io(format!("/dev/tty: {error}"));
        let mut interrupt = Interrupt::listen()?;
        let hidden = Hidden::start(self.0.try_clone().map_err(failed)?).map_err(failed)?;
        let _ = write!(&self.0, "{question} ");
        let reader = self.0.try_clone().map_err(failed)?;
        let typed = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            // One more than is allowed, so that a longer one is known to be longer.
            let read = BufReader::new(reader.take(PASSPHRASE_MAX + 2)).read_line(&mut line);
            read.map(|_| line.trim_end_matches(['\r', '\n']).to_owned())
        });
        let ended = tokio::select! {
            typed = typed => Some(typed),
            _ = interrupt.caught() => None,
        };
        // The line feed that was typed is not shown either.
        let _ = writeln!(&self.0);
        drop(hidden);
        let Some(typed) = ended else {
            let text = "ended by Ctrl-C";
            return Err(CliError::new(exit_code::INTERRUPTED, "interrupted", text));
        };
        typed.map_err(CliError::internal)?.map_err(failed)
    }
}
