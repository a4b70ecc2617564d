//! Questions to the person at the terminal.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _, stderr, stdin};

use crate::error::CliError;
use crate::exit_code;
use crate::signal::Interrupt;

/// The longest line that is read, in bytes.
const MAX: u64 = 64 * 1024;

/// Returns true if a person can be asked.
pub(crate) fn is_person() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Asks a question whose answer is yes or no. `what` is what needs the yes, for the error.
///
/// # Errors
/// If nobody is there to be asked: `--yes` is the way then.
pub(crate) async fn confirm(question: &str, what: &str) -> Result<bool, CliError> {
    if !is_person() {
        let text = format!("{what}, and nobody is here to be asked");
        return Err(CliError::usage(text).with_hint("--yes"));
    }
    let typed = ask(question, || ()).await?.to_lowercase();
    Ok(matches!(typed.as_str(), "y" | "yes"))
}

/// Asks a question, and returns the line that is typed. Ctrl-C ends the question. `after` is called
/// once it has ended, however it did.
///
/// # Errors
/// If the person ends the question, or stdin cannot be read.
pub(crate) async fn ask(question: &str, after: impl FnOnce()) -> Result<String, CliError> {
    let mut interrupt = Interrupt::listen()?;
    let _ = write!(stderr(), "{question} ");
    let _ = stderr().flush();
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let read = stdin().lock().take(MAX).read_line(&mut line);
        read.map(|_| line.trim().to_owned())
    });
    let ended = tokio::select! {
        typed = typed => Some(typed),
        _ = interrupt.caught() => None,
    };
    after();
    let Some(typed) = ended else {
        return Err(CliError::new(
            exit_code::INTERRUPTED,
            "interrupted",
            "ended by Ctrl-C",
        ));
    };
    typed
        .map_err(CliError::internal)?
        .map_err(|error| CliError::local_io(format!("stdin: {error}")))
}
