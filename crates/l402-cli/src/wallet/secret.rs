//! Reading a credential: from a file, from stdin, or typed at a terminal that does not show it.

use std::io::{Read as _, Write as _, stderr, stdin};
use std::path::Path;

use l402_host::named_path;

use crate::confirm;
use crate::error::CliError;
use crate::terminal::Hidden;

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

/// Asks a question, and returns the line that is typed. Ctrl-C ends the question.
pub(super) async fn ask(question: &str) -> Result<String, CliError> {
    confirm::ask(question, || ()).await
}

/// Asks for a credential, which the terminal does not show.
pub(super) async fn ask_hidden(question: &str) -> Result<String, CliError> {
    let hidden = Hidden::start(stdin()).map_err(|error| {
        CliError::local_io(format!("the terminal cannot hide what is typed: {error}"))
            .with_hint("--secret-file FILE or --secret-stdin")
    })?;
    let shown_again = || {
        // The line feed that was typed is not shown either.
        let _ = writeln!(stderr());
        drop(hidden);
    };
    confirm::ask(question, shown_again).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code;

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
