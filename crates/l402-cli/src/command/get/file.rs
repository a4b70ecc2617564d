//! Files that an answer is written to. They are opened before money moves and, where nothing
//! came of it, leave no trace.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::CliError;

/// `-o FILE`. What the file held stays until there is an answer.
#[derive(Debug)]
pub(super) struct OutputFile {
    file: File,
    path: PathBuf,
    /// Made by us, and empty so far.
    fresh: bool,
}

impl OutputFile {
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let wrong = |error| unwritable(path, &error);
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => Ok(Self {
                file,
                path: path.to_owned(),
                fresh: true,
            }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let file = OpenOptions::new().write(true).open(path).map_err(wrong)?;
                Ok(Self {
                    file,
                    path: path.to_owned(),
                    fresh: false,
                })
            }
            Err(error) => Err(wrong(error)),
        }
    }

    /// The file, emptied, for the answer.
    pub(super) fn start(&mut self) -> Result<&mut File, CliError> {
        self.fresh = false;
        let wrong = |error| unwritable(&self.path, &error);
        // A device such as /dev/null has no length to set.
        if self.file.metadata().map_err(wrong)?.is_file() {
            self.file.set_len(0).map_err(wrong)?;
        }
        Ok(&mut self.file)
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.fresh {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// `--receipt FILE`: written beside the place and moved there whole.
#[derive(Debug)]
pub(super) struct ReceiptFile {
    file: File,
    draft: PathBuf,
    path: PathBuf,
}

impl ReceiptFile {
    pub(super) fn prepare(path: &Path) -> Result<Self, CliError> {
        let name = path.file_name().ok_or_else(|| {
            CliError::usage(format!("--receipt {} names no file", path.display()))
        })?;
        let draft = format!(".{}.{}.draft", name.to_string_lossy(), std::process::id());
        let draft = path.with_file_name(draft);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&draft)
            .map_err(|error| unwritable(path, &error))?;
        Ok(Self {
            file,
            draft,
            path: path.to_owned(),
        })
    }

    pub(super) fn commit(&mut self, receipt: &serde_json::Value) -> Result<(), CliError> {
        let text = format!("{receipt:#}\n");
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_all())
            .and_then(|()| std::fs::rename(&self.draft, &self.path))
            .map_err(|error| unwritable(&self.path, &error).after_money_moved())
    }
}

impl Drop for ReceiptFile {
    fn drop(&mut self) {
        // After a commit there is nothing left under this name.
        let _ = std::fs::remove_file(&self.draft);
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::local_io(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_file_stays_until_there_is_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old");
        std::fs::write(&path, "before, and longer").unwrap();
        drop(OutputFile::open(&path).unwrap());
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "before, and longer"
        );
        OutputFile::open(&path)
            .unwrap()
            .start()
            .unwrap()
            .write_all(b"after")
            .unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
    }

    #[test]
    fn nothing_is_left_where_nothing_came_of_it() {
        let folder = tempfile::tempdir().unwrap();
        drop(OutputFile::open(&folder.path().join("new")).unwrap());
        drop(ReceiptFile::prepare(&folder.path().join("receipt")).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_receipt_appears_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt.json");
        let mut file = ReceiptFile::prepare(&path).unwrap();
        assert!(!path.exists());
        file.commit(&serde_json::json!({ "paid_msat": 1 })).unwrap();
        drop(file);
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .contains("\"paid_msat\": 1")
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
