//! Files (0600) and folders (0700) that only their owner can read.
//!
//! A file of the program is never reached through a link and never accepted from another user.
//! Checks run on the file after it was opened, so that it cannot be exchanged in between. A new
//! file is written beside its place and moved there whole, so that no process reads half of it. On
//! systems other than Unix the rights of the platform apply.
//!
//! ```text
//! create, replace   draft beside the place ──▶ write ──▶ sync ──▶ link or rename ──▶ sync the folder
//! read, open        open without following a link ──▶ plain file? owner? mode? ──▶ use
//! ```
//!
//! ```
//! use l402_host::private;
//!
//! # let home = tempfile::tempdir()?;
//! let folder = home.path().join("client");
//! private::create_folder(&folder)?;
//! let seed = folder.join("seed");
//! private::replace(&seed, b"first")?;
//! private::replace(&seed, b"second")?;
//! assert_eq!(private::read(&seed)?.as_slice(), b"second");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{FileError, FileFault};

/// The largest file that [`read`] returns whole, in bytes. Keys and seeds are below 100.
const READ_MAX_BYTES: u64 = 64 * 1024;

/// Makes a folder (0700) and its parents, unless it exists.
///
/// The mode of an existing folder is not changed: it is the choice of the operator, and each file
/// in it is 0600. The folder may be a link, so that data can be moved to another disk.
///
/// # Errors
/// [`FileError`] if the folder cannot be made, or if something else has its name.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| FileError::new(path, error.into()))
}

/// Makes a folder as [`create_folder`] does, and refuses an existing one that gives other users
/// access. For folders in which a library writes files with modes of its own.
///
/// # Errors
/// Those of [`create_folder`], and [`FileFault::OpenToOthers`].
pub fn create_closed_folder(path: &Path) -> Result<(), FileError> {
    create_folder(path)?;
    let found = fs::metadata(path).map_err(|error| FileError::new(path, error.into()))?;
    refuse_open_mode(&found, 0o700).map_err(|fault| FileError::new(path, fault))
}

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
        if mode(&found) != 0o600 {
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
    let create = || -> Result<(), FileFault> {
        let DraftPath(draft) = &Draft::beside(path)?.close();
        fill(draft)?;
        let linked = fs::hard_link(draft, path);
        let bytes = match &linked {
            Err(error) if is_unsupported(error) => fs::read(draft)?,
            _ => Vec::new(),
        };
        match place_without_links(linked, path, &bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            placed => placed?,
        }
        sync_folder(path);
        Ok(())
    };
    create().map_err(|fault| FileError::new(path, fault))
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

/// Returns true for the errors with which file systems refuse an operation that they do not have.
fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind as Io;
    matches!(
        error.kind(),
        Io::InvalidInput | Io::PermissionDenied | Io::Unsupported
    )
}

/// Makes a key file of 64 random hexadecimal digits and a line feed, unless the file exists. If
/// several processes start at once, one makes the key and all use it.
///
/// # Errors
/// Those of [`create`], and [`FileFault::System`] if the system has no randomness.
pub fn create_hex_key(path: &Path) -> Result<(), FileError> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let mut bytes = Zeroizing::new([0; 32]);
    if let Err(error) = getrandom::fill(bytes.as_mut_slice()) {
        let error = io::Error::other(format!("no randomness: {error}"));
        return Err(FileError::new(path, error.into()));
    }
    let mut text = Zeroizing::new(hex::encode(bytes.as_slice()));
    text.push('\n');
    create(path, text.as_bytes()).map(drop)
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

/// Reads a secret of the program, at most 64 KiB. The memory is wiped when the bytes are dropped.
///
/// # Errors
/// Those of [`open`], and [`FileFault::OpenToOthers`] if other users can read the file.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let opened = options(OpenOptions::new().read(true))
        .open(path)
        .map_err(not_plain_if_link)
        .and_then(|file| check_own(&file.metadata()?).map(|()| file));
    opened
        .and_then(read_secret)
        .map_err(|fault| FileError::new(path, fault))
}

/// Reads a secret that the operator has named, at most 64 KiB. The path may be a link and the file
/// may belong to another user, as with secrets from a service manager.
///
/// # Errors
/// [`FileFault::OpenToOthers`] if other users can read the file, and the errors of the system.
pub fn read_named(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    File::open(path)
        .map_err(FileFault::from)
        .and_then(read_secret)
        .map_err(|fault| FileError::new(path, fault))
}

/// Reads an open file whose mode gives other users no access.
fn read_secret(file: File) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(FileFault::NotPlain);
    }
    // Refused rather than narrowed: other users may have read the secret already.
    refuse_open_mode(&found, 0o600)?;
    let size = usize::try_from(found.len()).unwrap_or(0);
    // All the memory at once: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
    // One byte more than is allowed, so that a file that is too large is told from a full one.
    file.take(READ_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > READ_MAX_BYTES {
        let error = io::Error::new(io::ErrorKind::InvalidData, "larger than 64 KiB, so no key");
        return Err(error.into());
    }
    Ok(bytes)
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

/// Sets the mode of a new file to 0600, and refuses to follow a link at the end of the path.
pub(crate) fn options(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        options.mode(0o600).custom_flags(no_follow);
    }
    options
}

/// Translates the system's errors for a link (`ELOOP`) and a folder at the end of the path.
fn not_plain_if_link(error: io::Error) -> FileFault {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return FileFault::NotPlain;
    }
    if error.kind() == io::ErrorKind::IsADirectory {
        return FileFault::NotPlain;
    }
    error.into()
}

/// Refuses anything but a plain file of the user that runs this process.
fn check_own(found: &fs::Metadata) -> Result<(), FileFault> {
    if !found.is_file() {
        return Err(FileFault::NotPlain);
    }
    #[cfg(unix)]
    {
        let uid = std::os::unix::fs::MetadataExt::uid(found);
        if uid != rustix::process::geteuid().as_raw() {
            return Err(FileFault::OtherOwner { uid });
        }
    }
    Ok(())
}

/// Returns the permission bits, such as `0o600`.
#[cfg(unix)]
fn mode(found: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777
}

/// Sets the mode to 0600.
#[cfg(unix)]
fn narrow(file: &File) -> io::Result<()> {
    if mode(&file.metadata()?) == 0o600 {
        return Ok(());
    }
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
fn narrow(_: &File) -> io::Result<()> {
    Ok(())
}

/// Refuses a mode that gives group or others any access.
#[cfg(unix)]
fn refuse_open_mode(found: &fs::Metadata, wanted: u32) -> Result<(), FileFault> {
    let mode = mode(found);
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(FileFault::OpenToOthers { mode, wanted })
}

#[cfg(not(unix))]
fn refuse_open_mode(_: &fs::Metadata, _: u32) -> Result<(), FileFault> {
    Ok(())
}

/// Syncs the folder of `path`, so that a new name in it survives a loss of power. The file is in its
/// place already, so a folder that may not be read, or cannot be synced, is no error.
fn sync_folder(path: &Path) {
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
    fn a_file_system_without_links_gets_the_file_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let refused = || Err(io::ErrorKind::PermissionDenied.into());
        place_without_links(refused(), &path, b"first").unwrap();
        assert_eq!(read(&path).unwrap().as_slice(), b"first");
        let error = place_without_links(refused(), &path, b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap().as_slice(), b"first");
        // Any other error of the link stays what it is.
        let full = Err(io::ErrorKind::StorageFull.into());
        let error = place_without_links(full, &folder.path().join("b"), b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
