//! Files (0600) and folders (0700) for their owner alone.
//!
//! A file of ours is never reached through a link and never taken from another user: what stands
//! at its place is looked at after it was opened, so nothing can be exchanged in between. A new
//! file is written beside its place and moved there whole, so that no process ever reads half of
//! it. Elsewhere than on Unix the platform's own rights apply.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{FileError, FileFault};

/// The largest file that [`read`] takes, in bytes. Keys and seeds are below 100.
const READ_MAX_BYTES: u64 = 64 * 1024;

/// Makes a folder (0700), and those above it, unless it exists.
///
/// The mode of a folder that exists is the operator's choice: each file in it is 0600. It may be
/// reached through a link, so that data can be moved to another disk.
///
/// # Errors
/// If the folder cannot be made, or its name is taken by something else.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| FileError::new(path, error.into()))
}

/// Makes a folder as [`create_folder`] does, and refuses one that exists and lets others in. For
/// folders in which a library writes files with modes of its own.
///
/// # Errors
/// As [`create_folder`], and [`FileFault::OpenToOthers`].
pub fn create_closed_folder(path: &Path) -> Result<(), FileError> {
    create_folder(path)?;
    let found = fs::metadata(path).map_err(|error| FileError::new(path, error.into()))?;
    refuse_open_mode(&found, 0o700).map_err(|fault| FileError::new(path, fault))
}

/// Opens a file for reading and writing, made empty (0600) if there is none. A wider mode of a
/// file that exists is narrowed.
///
/// # Errors
/// [`FileFault::NotPlain`] for a link or anything else that is no file,
/// [`FileFault::OtherOwner`], and whatever the system says.
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

/// Makes sure of a file as [`open`] does, and returns its size, without ever holding it open.
///
/// For files that SQLite has open: on Unix the process that closes any handle of a file loses all
/// its record locks on it, those of its SQLite connections included, and then two processes write
/// at once.
#[cfg(feature = "sqlite")]
pub(crate) fn own_size(path: &Path) -> Result<u64, FileError> {
    let fail = |fault: FileFault| FileError::new(path, fault);
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path, &[])?;
            fs::symlink_metadata(path)
        }
        found => found,
    };
    let found = found.map_err(|error| fail(error.into()))?;
    check_own(&found).map_err(fail)?;
    #[cfg(unix)]
    if mode(&found) != 0o600 {
        let narrow = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path, narrow).map_err(|error| fail(error.into()))?;
    }
    Ok(found.len())
}

/// Writes a new file (0600) whole. Returns whether this call made it: if another process was
/// faster, its file stays.
///
/// # Errors
/// Whatever the system says; then nothing is left behind.
pub fn create(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    let create = || {
        let draft = Draft::beside(path)?;
        draft.fill(bytes)?;
        match fs::hard_link(&draft.path, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.and_then(|()| sync_folder(path)).map(|()| true),
        }
    };
    create().map_err(|error| FileError::new(path, error.into()))
}

/// Makes a key file of 64 random hexadecimal digits and a line feed, unless there is a file. Of
/// several first starts at once one makes it, and all use that one.
///
/// # Errors
/// As [`create`], and if the system has no randomness.
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

/// Writes a file (0600) whole, in place of what is there. A link at its place is replaced, not
/// followed.
///
/// # Errors
/// Whatever the system says; then the old file stays and nothing is left behind.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let replace = || {
        let draft = Draft::beside(path)?;
        draft.fill(bytes)?;
        fs::rename(&draft.path, path)?;
        sync_folder(path)
    };
    replace().map_err(|error| FileError::new(path, error.into()))
}

/// Finds out whether [`replace`] can write this file, and leaves everything as it is.
///
/// # Errors
/// Whatever the system says.
pub fn check_replace(path: &Path) -> Result<(), FileError> {
    let draft = Draft::beside(path).map_err(|error| FileError::new(path, error.into()));
    draft.map(drop)
}

/// Reads a secret of ours, at most 64 KiB. The memory is wiped when the bytes are dropped.
///
/// # Errors
/// As [`open`], and [`FileFault::OpenToOthers`] if others can read the file.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let opened = options(OpenOptions::new().read(true))
        .open(path)
        .map_err(not_plain_if_link)
        .and_then(|file| check_own(&file.metadata()?).map(|()| file));
    opened
        .and_then(read_secret)
        .map_err(|fault| FileError::new(path, fault))
}

/// Reads a secret that the operator has named, at most 64 KiB. It may be a link and may belong to
/// another user, as secrets do that a service manager hands over.
///
/// # Errors
/// [`FileFault::OpenToOthers`] if others can read the file, and whatever the system says.
pub fn read_named(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    File::open(path)
        .map_err(FileFault::from)
        .and_then(read_secret)
        .map_err(|fault| FileError::new(path, fault))
}

fn read_secret(file: File) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(FileFault::NotPlain);
    }
    refuse_open_mode(&found, 0o600)?;
    let size = usize::try_from(found.len()).unwrap_or(0);
    // Room for all of it at once: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
    file.take(READ_MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file under a name that nobody else has. It goes away unless it is moved to its place.
struct Draft {
    file: File,
    path: PathBuf,
}

impl Draft {
    fn beside(path: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let path = path.with_file_name(format!(".l402-{}.draft", hex::encode(random)));
        let file = options(OpenOptions::new().write(true).create_new(true)).open(&path)?;
        Ok(Self { file, path })
    }

    fn fill(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)?;
        self.file.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was moved nothing is left under this name.
        let _ = fs::remove_file(&self.path);
    }
}

/// New files get 0600, and a link at the end of the path is not followed.
pub(crate) fn options(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        options.mode(0o600).custom_flags(no_follow);
    }
    options
}

/// The system calls a link at the end of the path a loop (`ELOOP`).
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

/// Refuses anything but a plain file of the user who runs this process.
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

/// Returns the permission bits.
#[cfg(unix)]
fn mode(found: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777
}

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

/// Makes the new name survive a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
