//! The last step of a file or folder that was made elsewhere: its own name, and both of them on disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::mode::options;
use crate::FileError;

/// Gives a finished file its name on the same file system, and waits until that is on disk. Returns false
/// if the name is taken: then the file there stays. The draft may be there still, and is the caller's.
///
/// # Errors
/// The errors of the system. Then nothing has the name.
pub fn place(draft: &Path, path: &Path) -> Result<bool, FileError> {
    // A link, unlike a rename, fails if the name is taken.
    match place_by(fs::hard_link(draft, path), draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        placed => placed
            .map(|()| true)
            .map_err(|error| FileError::new(path, error.into())),
    }
}

/// Goes on where a file system has no hard links, as FAT and some mounts.
fn place_by(linked: io::Result<()>, draft: &Path, path: &Path) -> io::Result<()> {
    match linked {
        Err(error) if is_unsupported(&error) => match rename_new(draft, path) {
            Err(error) if is_unsupported(&error) => copy_new(draft, path)?,
            renamed => renamed?,
        },
        linked => linked?,
    }
    sync_folder(path);
    Ok(())
}

/// Writes a copy under a name that is free. A crash leaves half a file there.
fn copy_new(draft: &Path, path: &Path) -> io::Result<()> {
    let mut file = options(OpenOptions::new().write(true).create_new(true)).open(path)?;
    let copied = File::open(draft)
        .and_then(|mut draft| io::copy(&mut draft, &mut file))
        .and_then(|_| file.sync_all());
    copied.inspect_err(|_| {
        // Made by this call, and not whole.
        let _ = fs::remove_file(path);
    })
}

/// Moves a file to a name that is free.
#[cfg(target_os = "linux")]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(target_os = "linux"))]
fn rename_new(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Exchanges the names of two files or folders on one file system, at one moment.
///
/// # Errors
/// The errors of the system, and [`io::ErrorKind::Unsupported`] where it cannot be done. Then nothing has
/// changed.
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    match exchange_names(one, other) {
        Err(error) if is_unsupported(&error) => Err(io::ErrorKind::Unsupported.into()),
        exchanged => exchanged.inspect(|()| {
            sync_folder(one);
            sync_folder(other);
        }),
    }
}

#[cfg(target_os = "linux")]
fn exchange_names(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange_names(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns true for the errors with which file systems refuse an operation that they do not have.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind as Io;
    matches!(
        error.kind(),
        Io::InvalidInput | Io::PermissionDenied | Io::Unsupported
    )
}

/// Syncs the folder of `path`, so that a new name in it survives a loss of power. The file is in its
/// place already, so a folder that may not be read, or cannot be synced, is no error.
pub fn sync_folder(path: &Path) {
    if !cfg!(unix) {
        return;
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")));
    let _ = folder.and_then(|folder| folder.sync_all());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_gets_its_name_with_links_and_without_and_nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let [draft, first, second, third] =
            ["d", "1", "2", "3"].map(|name| folder.path().join(name));
        fs::write(&draft, "whole").unwrap();
        assert!(place(&draft, &first).unwrap());
        fs::write(&second, "of another").unwrap();
        assert!(!place(&draft, &second).unwrap());
        assert!(copy_new(&draft, &second).is_err());
        let refused = || Err(io::ErrorKind::PermissionDenied.into());
        let taken = place_by(refused(), &draft, &second).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&second).unwrap(), b"of another");
        copy_new(&draft, &third).unwrap();
        fs::remove_file(&first).unwrap();
        place_by(refused(), &draft, &first).unwrap();
        for path in [first, third] {
            assert_eq!(fs::read(path).unwrap(), b"whole");
        }
        // Any other error of the link stays what it is.
        let full = Err(io::ErrorKind::StorageFull.into());
        let error = place_by(full, &draft, &folder.path().join("4")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn two_folders_exchange_their_names_or_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other, none] = ["one", "other", "none"].map(|name| folder.path().join(name));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(one.join("a"), "").unwrap();
        exchange(&one, &other).unwrap();
        assert!(other.join("a").exists() && one.exists() && !one.join("a").exists());
        assert!(exchange(&one, &none).is_err());
        assert!(one.exists());
    }
}
