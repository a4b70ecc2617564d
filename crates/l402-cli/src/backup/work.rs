//! The folder in which a backup or a home is made.

use std::fs;
use std::path::{Path, PathBuf};

use l402_host::private;

use crate::error::CliError;

/// The text between the name of the thing that is made and eight digits.
const MARK: &str = ".l402-";

/// A folder that is removed at the end.
pub(super) struct Work(pub(super) PathBuf);

impl Work {
    /// Makes a folder for the time of the work, on the same file system as `path`.
    pub(super) fn beside(path: &Path) -> Result<Self, CliError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let work = path.with_file_name(format!(".{name}{MARK}{:08x}", fastrand::u32(..)));
        private::create_closed_folder(&work)
            .map_err(|error| CliError::local_io(error.to_string()))?;
        Ok(Self(work))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What stays is for the owner alone.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns true for the name of such a folder.
pub(super) fn is_work(name: &str) -> bool {
    let digits = name.rsplit_once(MARK).map_or("", |(_, digits)| digits);
    name.starts_with('.') && digits.len() == 8 && digits.bytes().all(|at| at.is_ascii_hexdigit())
}
