//! Reading a credential: from a file, from stdin, or typed at a terminal that does not show it.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _, stderr, stdin};
use std::path::Path;

use l402_host::named_path;

use crate::error::CliError;
use crate::exit_code;
use crate::signal::Interrupt;

/// The longest credential that is read, in bytes.
const MAX: u64 = 64 * 1024;

/// Reads a credential from a file that others may be able to read: it is copied into a private one.
pub(super) fn from_file(path: &Path) -> Result<Vec<u8>, CliError> {
    let path = named_path(Path::new(""), path);
    let failed = |error: std::io::Error| {
        CliError::local_io(format!("cannot read {}: {error}", path.display()))
            .with_hint("--secret-file names the file with the credential")
    };
    let file = std::fs::File::open(&path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    checked(bytes)
}

/// Reads a credential from stdin, to its end.
pub(super) fn from_stdin() -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = stdin().lock().take(MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| CliError::local_io(format!("stdin: {error}")))?;
    checked(bytes)
}

/// Returns the credential without the white space around it, if it is text.
pub(super) fn checked(bytes: Vec<u8>) -> Result<Vec<u8>, CliError> {
    if bytes.len() as u64 > MAX {
        return Err(CliError::usage(
            "the credential is longer than 64 KiB, so it is none",
        ));
    }
    let is_text = std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
    let bytes = if is_text {
        bytes.trim_ascii().to_vec()
    } else {
        bytes
    };
    if bytes.is_empty() {
        return Err(CliError::usage("the credential is empty"));
    }
    Ok(bytes)
}

/// Returns true if a person can be asked.
pub(super) fn is_person() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Asks a question, and returns the line that is typed. Ctrl-C ends the question.
pub(super) async fn ask(question: &str) -> Result<String, CliError> {
    question_with(question, None).await
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
    let typed = ask(question).await?.to_lowercase();
    Ok(matches!(typed.as_str(), "y" | "yes"))
}

/// Asks for a credential, which the terminal does not show.
pub(super) async fn ask_hidden(question: &str) -> Result<String, CliError> {
    let hidden = Hidden::start().map_err(|error| {
        CliError::local_io(format!("the terminal cannot hide what is typed: {error}"))
            .with_hint("--secret-file FILE or --secret-stdin")
    })?;
    question_with(question, Some(hidden)).await
}

async fn question_with(question: &str, hidden: Option<Hidden>) -> Result<String, CliError> {
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
    if hidden.is_some() {
        // The line feed that was typed is not shown either.
        let _ = writeln!(stderr());
    }
    drop(hidden);
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

/// A terminal that does not show what is typed, until this is dropped.
#[cfg(unix)]
struct Hidden(rustix::termios::Termios);

#[cfg(unix)]
impl Hidden {
    fn start() -> std::io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // If it fails, there is no terminal any more.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(not(unix))]
struct Hidden;

#[cfg(not(unix))]
impl Hidden {
    fn start() -> std::io::Result<Self> {
        Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_loses_white_space_and_nothing_else() {
        assert_eq!(checked(b" key\r\n".to_vec()).unwrap(), b"key");
        // The binary form of a macaroon may end with any byte.
        assert_eq!(checked(b"\x02\xff\n".to_vec()).unwrap(), b"\x02\xff\n");
        assert_eq!(checked(b"\x00a\n".to_vec()).unwrap(), b"\x00a\n");
        for bad in [b" \n".to_vec(), vec![b'a'; 70_000]] {
            assert_eq!(checked(bad).unwrap_err().exit_code(), exit_code::USAGE);
        }
    }
}
