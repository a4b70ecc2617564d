//! Files that only their owner can read: opened, made whole, or put in the place of others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::mode::{check_own, narrow, not_plain_if_link, options};
#[cfg(feature = "sqlite")]
use super::place::place;
use super::place::{is_unsupported, sync_folder};
use crate::FileError;
#[cfg(any(feature = "sqlite", doc))]
use crate::FileFault;

/// Opens a file for reading and writing. A missing file is made (0600, empty), and an existing one
/// with a wider mode is narrowed.
///
/// # Errors
/// [`FileFault::NotPlain`] for a link or anything else that is no file, [`FileFault::OtherOwner`],
/// and the errors of the system.
pub fn open(path: &Path) -> Result<File, FileError> {
    let opened = options(OpenOptions::new().read(true).write(true).create(true))
        .open(path)
        .map_err(not_plain_if_link)
        .and_then(|file| {
            check_own(&file.metadata()?)?;
            narrow(&file)?;
            Ok(file)
        });
    opened.map_err(|fault| FileError::new(path, fault))
}

/// Returns true if nothing has this name, not even a link that leads nowhere.
#[cfg(feature = "sqlite")]
pub(crate) fn is_missing(path: &Path) -> bool {
    let found = fs::symlink_metadata(path);
    found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Checks a file as [`open`] does, and returns its size, without opening it.
///
/// For files of SQLite. On Unix a process that closes any handle of a file loses all its record
/// locks on that file, including those of its SQLite connections, and then two processes write at
/// once.
#[cfg(feature = "sqlite")]
pub(crate) fn own_size(path: &Path) -> Result<u64, FileError> {
    let fail = |fault: FileFault| FileError::new(path, fault);
    let found = fs::symlink_metadata(path).map_err(|error| fail(error.into()))?;
    check_own(&found).map_err(fail)?;
    Ok(found.len())
}

/// Narrows the mode of a file to 0600 without opening it, if there is one. Refuses what [`open`]
/// refuses.
#[cfg(feature = "sqlite")]
pub(crate) fn narrow_path(path: &Path) -> Result<(), FileError> {
    let narrow = || -> Result<(), FileFault> {
        let found = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        check_own(&found)?;
        #[cfg(unix)]
        if super::mode::mode(&found) != 0o600 {
            let narrow = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(path, narrow)?;
        }
        Ok(())
    };
    narrow().map_err(|fault| FileError::new(path, fault))
}

/// Makes a new file (0600) that `fill` writes under another name, and puts it in its place whole. If
/// the name is taken by then, the file there stays.
#[cfg(feature = "sqlite")]
pub(crate) fn create_with(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), FileFault>,
) -> Result<(), FileError> {
    let fail = |fault: FileFault| FileError::new(path, fault);
    let draft = Draft::beside(path).map_err(|error| fail(error.into()))?;
    let DraftPath(draft) = &draft.close();
    fill(draft).map_err(fail)?;
    place(draft, path).map(drop)
}

/// Writes a new file (0600) whole. Returns true if this call made it, and false if the file
/// existed: then `bytes` stand nowhere, and the existing file is not changed.
///
/// # Errors
/// The errors of the system. No partial file is left behind.
pub fn create(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    let create = || {
        let draft = Draft::beside(path)?;
        draft.fill(bytes)?;
        // A link, unlike a rename, fails if the name is taken: of two first starts only one makes
        // the file.
        let linked = fs::hard_link(draft.path(), path);
        match place_without_links(linked, path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            placed => placed.map(|()| sync_folder(path)).map(|()| true),
        }
    };
    create().map_err(|error: io::Error| FileError::new(path, error.into()))
}

/// Writes a file at its place if the file system has no hard links, as FAT and some mounts. Another
/// process may then read half of it for a moment, and reports it as damaged.
fn place_without_links(linked: io::Result<()>, path: &Path, bytes: &[u8]) -> io::Result<()> {
    match linked {
        // A folder that may not be written has refused the draft already, so this is about links.
        Err(error) if is_unsupported(&error) => {
            let mut file = options(OpenOptions::new().write(true).create_new(true)).open(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        }
        linked => linked,
    }
}

/// Writes a file (0600) whole, in place of an existing one. A link at its place is replaced, not
/// followed.
///
/// # Errors
/// The errors of the system. The old file stays, and no partial file is left behind.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let replace = || {
        let draft = Draft::beside(path)?;
        draft.fill(bytes)?;
        fs::rename(draft.path(), path)?;
        sync_folder(path);
        Ok(())
    };
    replace().map_err(|error: io::Error| FileError::new(path, error.into()))
}

/// Checks that [`replace`] can write this file, without changing anything.
///
/// # Errors
/// The errors of the system.
pub fn check_replace(path: &Path) -> Result<(), FileError> {
    let draft = Draft::beside(path).map_err(|error| FileError::new(path, error.into()));
    draft.map(drop)
}

/// A file under a random name. Removed on drop unless it was moved to its place.
struct Draft {
    file: File,
    name: DraftPath,
}

/// The name of a draft.
struct DraftPath(PathBuf);

impl Draft {
    /// Makes an empty draft in the folder of `path`: a rename works only within one file system.
    fn beside(path: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let path = path.with_file_name(format!(".l402-{}.draft", hex::encode(random)));
        let file = options(OpenOptions::new().write(true).create_new(true)).open(&path)?;
        let name = DraftPath(path);
        Ok(Self { file, name })
    }

    fn path(&self) -> &Path {
        &self.name.0
    }

    /// Writes the content and waits until the disk has it.
    fn fill(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)?;
        self.file.sync_all()
    }

    /// Closes the file, for others to write it.
    #[cfg(feature = "sqlite")]
    fn close(self) -> DraftPath {
        self.name
    }
}

impl Drop for DraftPath {
    fn drop(&mut self) {
        // After the move no file has this name.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_links_gets_the_file_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let refused = || Err(io::ErrorKind::PermissionDenied.into());
        place_without_links(refused(), &path, b"first").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let error = place_without_links(refused(), &path, b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        // Any other error of the link stays what it is.
        let full = Err(io::ErrorKind::StorageFull.into());
        let error = place_without_links(full, &folder.path().join("b"), b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
