//! The files that an answer is written to. They are checked before money moves. Until there is an
//! answer they keep their contents, and no other file is left beside them.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use l402_client::{Journal, Recording};
use l402_host::private;

use crate::context::Context;
use crate::error::CliError;

/// The destination of the body.
#[derive(Debug)]
pub(super) enum Sink {
    Stdout,
    File(OutputFile),
}

impl Sink {
    /// Prepares the file of `-o`. Without `-o`, or for `-`, the sink is stdout.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, CliError> {
        match path {
            Some(path) if path != Path::new("-") => OutputFile::prepare(path).map(Self::File),
            _ => Ok(Self::Stdout),
        }
    }

    /// Returns true if the body would go to a stdout that was closed when the program began.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Stdout) && stdout_is_closed()
    }

    /// Makes or empties the file, and returns the writer for the body.
    pub(super) fn start(self) -> Result<Box<dyn Write>, CliError> {
        Ok(match self {
            Self::Stdout => Box::new(std::io::stdout()),
            Self::File(file) => Box::new(file.start()?),
        })
    }
}

/// Returns true if stdout was closed when the program began.
///
/// Before `main`, Rust opens `/dev/null` in place of what is closed, for reading and writing. A shell
/// opens it for writing alone (`> /dev/null`), which is a wish to throw the answer away. Some parents
/// open it as Rust does, and cannot be told apart: to them the error names `-o /dev/null`.
#[cfg(unix)]
fn stdout_is_closed() -> bool {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{OFlags, fcntl_getfl, fstat};

    let stdout = std::io::stdout();
    let (Ok(null), Ok(found)) = (std::fs::metadata("/dev/null"), fstat(&stdout)) else {
        return false;
    };
    let access = fcntl_getfl(&stdout).map(|flags| flags & OFlags::ACCMODE);
    null.rdev() == found.st_rdev && access == Ok(OFlags::RDWR)
}

#[cfg(not(unix))]
fn stdout_is_closed() -> bool {
    false
}

/// Returns the error for an answer that nobody would get.
pub(super) fn closed_stdout() -> CliError {
    let text = "stdout is closed, and nobody would get the answer; no money moved";
    CliError::local_io(text).with_hint("to throw the answer away, write -o /dev/null")
}

/// The file of `-o`.
#[derive(Debug)]
pub(super) struct OutputFile {
    /// The file that was there before. Kept open, since the reader of a pipe would take a close for the
    /// end.
    earlier: Option<File>,
    path: PathBuf,
}

impl OutputFile {
    /// Checks that the file can be written, and leaves everything as it is.
    fn prepare(path: &Path) -> Result<Self, CliError> {
        let wrong = |error| unwritable(path, &error);
        let earlier = match OpenOptions::new().write(true).create_new(true).open(path) {
            // Removed again: the process may be killed while it waits for an answer.
            Ok(_made) => {
                std::fs::remove_file(path).map_err(wrong)?;
                None
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Some(OpenOptions::new().write(true).open(path).map_err(wrong)?)
            }
            Err(error) => return Err(wrong(error)),
        };
        Ok(Self {
            earlier,
            path: path.to_owned(),
        })
    }

    /// Opens the file, empty, for the answer.
    fn start(self) -> Result<File, CliError> {
        let wrong = |error| unwritable(&self.path, &error);
        let Some(file) = self.earlier else {
            return File::create(&self.path).map_err(wrong);
        };
        // A device such as /dev/null has no length to set.
        if file.metadata().map_err(wrong)?.is_file() {
            file.set_len(0).map_err(wrong)?;
        }
        Ok(file)
    }
}

/// The file of `--receipt`, written beside its place and moved there whole.
#[derive(Debug)]
pub(super) struct ReceiptFile(PathBuf);

impl ReceiptFile {
    pub(super) fn prepare(path: &Path) -> Result<Self, CliError> {
        if path.file_name().is_none() || path == Path::new("-") {
            let text = format!("--receipt {} names no file", path.display());
            return Err(CliError::usage(text));
        }
        private::check_replace(path).map_err(|error| unwritable(path, error.fault()))?;
        Ok(Self(path.to_owned()))
    }

    /// Writes the receipt of an exchange that is over.
    pub(super) fn write(
        &self,
        recording: &Recording,
        journal: &Journal,
        context: &Context,
    ) -> Result<(), CliError> {
        let document = recording.document(journal, context.clock.wall());
        let document = document.map_err(|error| CliError::from(error).after_money_moved())?;
        self.commit(&document.to_text())
    }

    fn commit(&self, receipt: &impl std::fmt::Display) -> Result<(), CliError> {
        private::replace(&self.0, format!("{receipt:#}").as_bytes())
            .map_err(|error| unwritable(&self.0, error.fault()).after_money_moved())
    }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::local_io(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_empty(folder: &Path) -> bool {
        std::fs::read_dir(folder).unwrap().count() == 0
    }

    #[test]
    fn an_old_file_stays_until_there_is_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old");
        std::fs::write(&path, "before, and longer").unwrap();
        let sink = Sink::open(Some(&path)).unwrap();
        let held = std::fs::read_to_string(&path).unwrap();
        assert_eq!(held, "before, and longer");
        sink.start().unwrap().write_all(b"after").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
    }

    /// A process that is killed while it waits must leave nothing to clean up.
    #[test]
    fn nothing_is_there_before_the_answer() {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sink::open(Some(&folder.path().join("new"))).unwrap();
        let receipt = ReceiptFile::prepare(&folder.path().join("receipt")).unwrap();
        assert!(is_empty(folder.path()));
        drop((sink, receipt));
        assert!(is_empty(folder.path()));
    }

    #[test]
    fn a_hyphen_is_stdout_and_no_receipt() {
        let hyphen = Path::new("-");
        assert!(matches!(Sink::open(Some(hyphen)), Ok(Sink::Stdout)));
        let error = ReceiptFile::prepare(hyphen).unwrap_err();
        assert_eq!(error.exit_code(), crate::exit_code::USAGE);
    }

    #[test]
    fn a_draft_left_by_a_process_of_the_same_number_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt.json");
        let stale = format!(".receipt.json.{}.draft", std::process::id());
        std::fs::write(folder.path().join(stale), "stale").unwrap();
        let file = ReceiptFile::prepare(&path).unwrap();
        file.commit(&serde_json::json!({ "paid_msat": 1 })).unwrap();
        assert!(path.exists());
    }

    #[test]
    fn a_receipt_appears_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt.json");
        let file = ReceiptFile::prepare(&path).unwrap();
        assert!(!path.exists());
        file.commit(&serde_json::json!({ "paid_msat": 1 })).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"paid_msat\": 1"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
