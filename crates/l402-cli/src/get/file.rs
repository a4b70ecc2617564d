//! The files that an answer is written to. They are checked before money moves. Until there is an
//! answer they keep their contents, and no other file is left beside them.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use http::HeaderMap;
use http::header::CONTENT_DISPOSITION;
use l402_client::{Journal, Recording};
use l402_host::private;
use url::Url;

use crate::context::Context;
use crate::error::CliError;
use crate::text::output::tell;
use crate::text::plain::escape;

/// The destination of a body, or of heads.
#[derive(Debug)]
pub(super) enum Sink {
    Stdout,
    File(OutputFile),
    Remote(RemoteFile),
}

impl Sink {
    /// Returns true if the body would go to a stdout that was closed when the program began.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Stdout) && stdout_is_closed()
    }

    /// Leaves in the file what it holds, for what is written to come behind it.
    pub(super) fn append(&mut self) {
        match self {
            Self::Stdout => {}
            Self::File(file) => file.appends = true,
            Self::Remote(file) => file.of_url.appends = true,
        }
    }

    /// Makes or empties the file, and returns the writer for the answer with these headers.
    pub(super) fn start(self, headers: &HeaderMap) -> Result<Box<dyn Write>, CliError> {
        Ok(match self {
            Self::Stdout => Box::new(std::io::stdout()),
            Self::File(file) => Box::new(file.start()?),
            Self::Remote(file) => Box::new(file.start(headers)?),
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

/// The file of `-o`, `-O` or `-D`.
#[derive(Debug)]
pub(super) struct OutputFile {
    /// The file that was there before. Kept open, since the reader of a pipe would take a close for the
    /// end.
    earlier: Option<File>,
    path: PathBuf,
    appends: bool,
    /// Makes the folders that there are not.
    makes_folders: bool,
}

impl OutputFile {
    /// Checks that the file can be written, and leaves everything as it is.
    pub(super) fn prepare(path: &Path, makes_folders: bool) -> Result<Self, CliError> {
        let wrong = |error| unwritable(path, &error);
        // Taken away again, as the file is: the process may be killed while it waits for an answer.
        let _made = makes_folders
            .then(|| MadeFolders::above(path))
            .transpose()
            .map_err(wrong)?;
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
            appends: false,
            makes_folders,
        })
    }

    /// Opens the file, empty, for the answer.
    fn start(self) -> Result<File, CliError> {
        let wrong = |error| unwritable(&self.path, &error);
        if self.appends {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path);
            return file.map_err(wrong);
        }
        let Some(file) = self.earlier else {
            if self.makes_folders {
                MadeFolders::above(&self.path).map_err(wrong)?.keep();
            }
            return File::create(&self.path).map_err(wrong);
        };
        // A device such as /dev/null has no length to set.
        if file.metadata().map_err(wrong)?.is_file() {
            file.set_len(0).map_err(wrong)?;
        }
        Ok(file)
    }
}

/// The folders that were made for a file. Dropped, they are taken away again.
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    /// Makes the folders above a file that there are not.
    fn above(path: &Path) -> std::io::Result<Self> {
        let missing = path.ancestors().skip(1);
        let missing = missing.take_while(|it| !it.as_os_str().is_empty() && !it.exists());
        let missing: Vec<_> = missing.map(Path::to_owned).collect();
        let mut made = Self(Vec::new());
        for folder in missing.into_iter().rev() {
            folder_builder().create(&folder)?;
            made.0.push(folder);
        }
        Ok(made)
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // One that somebody else has filled meanwhile stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Makes folders with the rights that curl gives them.
fn folder_builder() -> std::fs::DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o750);
    builder
}

/// The file of `-O`, whose name is the end of the URL, or that of the answer.
#[derive(Debug)]
pub(super) struct RemoteFile {
    of_url: OutputFile,
    /// Takes the name that the answer gives.
    by_header: bool,
}

impl RemoteFile {
    pub(super) fn prepare(url: &Url, by_header: bool) -> Result<Self, CliError> {
        let name = url.path().rsplit('/').next().unwrap_or_default();
        let name = plain_name(name).ok_or_else(|| {
            CliError::usage("-O: the URL ends with no name for a file")
                .with_hint("name the file: -o FILE")
        })?;
        let of_url = OutputFile::prepare(Path::new(&name), false)?;
        Ok(Self { of_url, by_header })
    }

    fn start(self, headers: &HeaderMap) -> Result<File, CliError> {
        let given = self.by_header.then(|| given_name(headers)).flatten();
        let Some(name) = given else {
            return self.of_url.start();
        };
        // A server that chooses the name must not choose a file that is there.
        let made = OpenOptions::new().write(true).create_new(true).open(&name);
        let file = made.map_err(|error| unwritable(Path::new(&name), &error))?;
        tell(&format!("saved as {}", escape(&name)));
        Ok(file)
    }
}

/// Returns the name of a file that `Content-Disposition` gives, without a path. As curl has it, the
/// encoded form `filename*` is not read.
fn given_name(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_DISPOSITION)?.as_bytes();
    let text = String::from_utf8_lossy(text);
    let mut rest = &*text;
    while let Some((_, parameter)) = rest.split_once(';') {
        let parameter = parameter.trim_start();
        let name = parameter.get(..9);
        if name.is_some_and(|name| name.eq_ignore_ascii_case("filename=")) {
            return plain_name(&unquoted(&parameter[9..]));
        }
        rest = parameter;
    }
    None
}

/// Returns a value up to its closing quotation mark, or else up to a semicolon.
fn unquoted(value: &str) -> String {
    let mut letters = value.chars();
    let Some(quote @ ('"' | '\'')) = letters.next() else {
        return value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
    };
    let mut name = String::new();
    while let Some(letter) = letters.next().filter(|letter| *letter != quote) {
        name.extend(if letter == '\\' {
            letters.next()
        } else {
            Some(letter)
        });
    }
    name
}

/// Returns the last part of a path as the name of a file here, `None` if it is none. Control
/// characters and a dot at the start, which would hide the file, become underscores.
fn plain_name(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?;
    let name: String = name
        .chars()
        .map(|letter| if letter.is_control() { '_' } else { letter })
        .collect();
    match name.as_str() {
        "" | "." | ".." => None,
        name => Some(
            name.strip_prefix('.')
                .map_or_else(|| name.to_owned(), |rest| format!("_{rest}")),
        ),
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
        let sink = Sink::File(OutputFile::prepare(&path, false).unwrap());
        let held = std::fs::read_to_string(&path).unwrap();
        assert_eq!(held, "before, and longer");
        sink.start(&HeaderMap::new())
            .unwrap()
            .write_all(b"after")
            .unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
    }

    /// A process that is killed while it waits must leave nothing to clean up.
    #[test]
    fn nothing_is_there_before_the_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/file");
        let sink = Sink::File(OutputFile::prepare(&path, true).unwrap());
        let receipt = ReceiptFile::prepare(&folder.path().join("receipt")).unwrap();
        assert!(is_empty(folder.path()));
        drop((sink, receipt));
        assert!(is_empty(folder.path()));
    }

    #[test]
    fn a_hyphen_is_no_receipt() {
        let hyphen = Path::new("-");
        let error = ReceiptFile::prepare(hyphen).unwrap_err();
        assert_eq!(error.exit_code(), crate::exit_code::USAGE);
    }

    /// A name that a server chooses is never a path.
    #[test]
    fn a_name_of_an_answer_is_a_plain_name() {
        for (disposition, name) in [
            ("attachment; filename=a.txt", Some("a.txt")),
            ("attachment; FileName=\"a b;c.txt\"; x=y", Some("a b;c.txt")),
            ("attachment; filename=\"a\\\"b\"", Some("a\"b")),
            ("attachment; filename='a'", Some("a")),
            ("attachment; filename=../../etc/passwd", Some("passwd")),
            (
                "attachment; filename=\"..\\\\up\\\\win.ini\"",
                Some("win.ini"),
            ),
            ("attachment; filename=.bashrc", Some("_bashrc")),
            ("attachment; filename=\"a/\"", None),
            ("attachment; filename=..", None),
            ("attachment; filename*=UTF-8''x", None),
            ("attachment", None),
            ("filename=x", None),
        ] {
            let value = disposition.parse().unwrap();
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]);
            assert_eq!(given_name(&headers).as_deref(), name, "{disposition}");
        }
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
