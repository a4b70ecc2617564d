//! The rules of modes, owners and links, for files that are open or only named.

use std::fs::{self, File, OpenOptions};
use std::io;

use crate::FileFault;

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
pub(super) fn not_plain_if_link(error: io::Error) -> FileFault {
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
pub(super) fn check_own(found: &fs::Metadata) -> Result<(), FileFault> {
    if !found.is_file() {
        return Err(FileFault::NotPlain);
    }
    #[cfg(unix)]
    if !is_ours(found) {
        let uid = std::os::unix::fs::MetadataExt::uid(found);
        return Err(FileFault::OtherOwner { uid });
    }
    Ok(())
}

/// Returns true if the file belongs to the user that runs this process.
#[cfg(unix)]
pub(super) fn is_ours(found: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == rustix::process::geteuid().as_raw()
}

/// Returns true if the file belongs to the superuser, who can read and write every file anyway.
#[cfg(unix)]
pub(super) fn is_roots(found: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == 0
}

/// Returns true for a folder in which each user can remove files of its own alone, such as /tmp.
pub(super) fn is_sticky(found: &fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o1000 != 0;
    #[cfg(not(unix))]
    {
        let _ = found;
        false
    }
}

/// Returns the permission bits, such as `0o600`.
#[cfg(unix)]
pub(super) fn mode(found: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777
}

/// Other systems have no such bits: nobody else has access.
#[cfg(not(unix))]
pub(super) fn mode(_: &fs::Metadata) -> u32 {
    0o600
}

/// Returns the mode of a file that group or others can read, such as `0o644`; `None` if its owner
/// alone can.
#[must_use]
pub fn read_by_others(found: &fs::Metadata) -> Option<u32> {
    let mode = mode(found);
    (mode & 0o044 != 0).then_some(mode)
}

/// Sets the mode to 0600.
#[cfg(unix)]
pub(super) fn narrow(file: &File) -> io::Result<()> {
    if mode(&file.metadata()?) == 0o600 {
        return Ok(());
    }
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
pub(super) fn narrow(_: &File) -> io::Result<()> {
    Ok(())
}

/// Refuses a mode that gives group or others any access.
#[cfg(unix)]
pub(super) fn refuse_open_mode(found: &fs::Metadata, wanted: u32) -> Result<(), FileFault> {
    let mode = mode(found);
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(FileFault::OpenToOthers { mode, wanted })
}

#[cfg(not(unix))]
pub(super) fn refuse_open_mode(_: &fs::Metadata, _: u32) -> Result<(), FileFault> {
    Ok(())
}
