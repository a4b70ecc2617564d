//! Folders that only their owner can enter.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::mode::{is_ours, is_sticky, mode, refuse_open_mode};
use crate::{FileError, FileFault};

/// The names of what the program keeps in its home folder; a name that ends with `*` stands for all
/// that begin like it.
const HOME: [&str; 19] = [
    ".l402-*",
    "acme",
    "admin.token",
    "attempts",
    "audit.log*",
    "books.db*",
    "client",
    "gateway.db*",
    "l402.toml",
    "ldk",
    "ledger.id",
    "master.key",
    "nwc",
    "run",
    "sandbox",
    "start.lock",
    "wallets",
    "webhooks.db*",
    "webhooks.lock",
];

/// Makes a folder (0700) and its parents, unless it exists. The mode of an existing one is narrowed,
/// if it is ours: the program alone writes there. The folder may be a link, so that data can be moved
/// to another disk.
///
/// # Errors
/// [`FileError`] if the folder cannot be made, or if something else has its name.
/// [`FileFault::OpenToOthers`] if others can write in a folder that is not ours.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    make(path)?;
    keep_closed(path, true).map_err(|fault| FileError::new(path, fault))
}

/// Makes the home folder of the program as [`create_folder`] does. If an existing one holds files of
/// others, its mode is left as it is: it is a folder that the operator uses for more.
///
/// # Errors
/// Those of [`create_folder`], and [`FileFault::OpenToOthers`] if others can write in a folder that
/// holds more than the program's files: they could put a key of their own there.
pub fn create_home(path: &Path) -> Result<(), FileError> {
    make(path)?;
    let narrows = || keep_closed(path, holds_only_ours(path)?);
    narrows().map_err(|fault| FileError::new(path, fault))
}

/// Makes a folder as [`create_folder`] does, and refuses an existing one that gives other users
/// access. For folders in which a library writes files with modes of its own.
///
/// # Errors
/// Those of [`create_folder`], and [`FileFault::OpenToOthers`].
pub fn create_closed_folder(path: &Path) -> Result<(), FileError> {
    make(path)?;
    let found = fs::metadata(path).map_err(|error| FileError::new(path, error.into()))?;
    refuse_open_mode(&found, 0o700).map_err(|fault| FileError::new(path, fault))
}

fn make(path: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| FileError::new(path, error.into()))
}

/// Returns true if everything in the home folder is the program's.
fn holds_only_ours(path: &Path) -> Result<bool, FileFault> {
    let is_ours = |name: &OsStr| {
        let name = name.to_string_lossy();
        HOME.iter().any(|ours| match ours.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == *ours,
        })
    };
    for entry in fs::read_dir(path)? {
        if !is_ours(&entry?.file_name()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes group and others their access to a folder of ours if `narrows`. What cannot be narrowed is
/// refused if others can write in it.
fn keep_closed(path: &Path, narrows: bool) -> Result<(), FileFault> {
    let found = fs::metadata(path)?;
    // In a folder like /tmp nobody can replace another's files, and it is not ours to change.
    if mode(&found) & 0o077 == 0 || is_sticky(&found) {
        return Ok(());
    }
    #[cfg(unix)]
    if narrows && is_ours(&found) {
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        return Ok(fs::set_permissions(path, closed)?);
    }
    if mode(&found) & 0o022 == 0 {
        return Ok(());
    }
    refuse_open_mode(&found, 0o700)
}
