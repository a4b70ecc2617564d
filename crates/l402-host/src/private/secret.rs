//! Secrets: keys and seeds, read whole or made at random.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::create;
use super::mode::{check_own, is_sticky, mode, not_plain_if_link, options, refuse_open_mode};
#[cfg(unix)]
use super::mode::{is_ours, is_roots};
use crate::{FileError, FileFault};

/// The largest file that [`read`] returns whole, in bytes. Keys and seeds are below 100.
const READ_MAX_BYTES: u64 = 64 * 1024;

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

/// Reads a secret of the program, at most 64 KiB. The memory is wiped when the bytes are dropped.
///
/// # Errors
/// Those of [`super::open`], and [`FileFault::OpenToOthers`] if other users can read the file.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let opened = options(OpenOptions::new().read(true))
        .open(path)
        .map_err(not_plain_if_link)
        .and_then(|file| check_own(&file.metadata()?).map(|()| file));
    opened
        .and_then(read_secret)
        .map_err(|fault| FileError::new(path, fault))
}

/// Reads a master key, at most 64 KiB, wherever it lies.
///
/// It may belong to the superuser as well, as with secrets from a service manager. A link is refused,
/// since everybody who can change it chooses the key, and so is a folder in which others can write.
///
/// # Errors
/// [`FileFault::LinkTo`], [`FileFault::NotPlain`] for a folder, [`FileFault::OpenToOthers`],
/// [`FileFault::OtherOwner`], [`FileFault::FolderOpenToOthers`], and the errors of the system.
pub fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let open = || {
        let opened = options(OpenOptions::new().read(true)).open(path);
        let file = opened.map_err(|error| link_or(error, path))?;
        #[cfg(unix)]
        refuse_strangers(&file.metadata()?)?;
        refuse_open_folder(path)?;
        read_secret(file)
    };
    open().map_err(|fault| FileError::new(path, fault))
}

/// Reads the private key of a TLS certificate, at most 64 KiB. Its group may read it, and it may be a
/// link: programs that renew certificates make such files.
///
/// # Errors
/// [`FileFault::OpenToOthers`] if everybody can read or write it, and the errors of the system.
pub fn read_tls_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let read = || {
        let file = File::open(path)?;
        let mode = mode(&file.metadata()?);
        if mode & 0o007 != 0 {
            let wanted = mode & 0o770;
            return Err(FileFault::OpenToOthers { mode, wanted });
        }
        read_bounded(file)
    };
    read().map_err(|fault| FileError::new(path, fault))
}

/// Returns the fault of a key that does not open, with the target of a link.
fn link_or(error: io::Error, path: &Path) -> FileFault {
    match not_plain_if_link(error) {
        FileFault::NotPlain if path.is_symlink() => {
            let target = fs::canonicalize(path).or_else(|_| fs::read_link(path));
            target.map_or(FileFault::NotPlain, FileFault::LinkTo)
        }
        fault => fault,
    }
}

/// Refuses a file that belongs to neither this user nor the superuser.
#[cfg(unix)]
fn refuse_strangers(found: &fs::Metadata) -> Result<(), FileFault> {
    if is_ours(found) || is_roots(found) {
        return Ok(());
    }
    let uid = std::os::unix::fs::MetadataExt::uid(found);
    Err(FileFault::OtherOwner { uid })
}

/// Refuses a file in a folder where others can put another one in its place.
fn refuse_open_folder(path: &Path) -> Result<(), FileFault> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let found = fs::metadata(folder)?;
    let mode = mode(&found);
    if mode & 0o022 == 0 || is_sticky(&found) {
        return Ok(());
    }
    let folder = folder.to_owned();
    Err(FileFault::FolderOpenToOthers { folder, mode })
}

/// Reads an open file whose mode gives other users no access.
fn read_secret(file: File) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(FileFault::NotPlain);
    }
    // Refused rather than narrowed: other users may have read the secret already.
    refuse_open_mode(&found, 0o600)?;
    read_bounded(file)
}

/// Reads a file to its end, into memory that is wiped.
fn read_bounded(file: File) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let found = file.metadata()?;
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
