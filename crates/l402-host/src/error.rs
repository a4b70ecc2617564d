//! Errors about files: the file, the fault, and the fix.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be used. `Display` reads "PATH: FAULT".
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    fault: FileFault,
}

/// The reason why a file cannot be used. `Display` names the fix if there is one.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileFault {
    /// SQLite found the content of the file damaged.
    Damaged(String),
    /// A file that is never empty holds nothing, as after a copy that was cut off.
    Empty,
    /// Others can write in the folder of a key, and so put another key in its place.
    FolderOpenToOthers {
        /// The folder.
        folder: PathBuf,
        /// Its permission bits, such as `0o777`.
        mode: u32,
    },
    /// The disk, or the space that this user may fill, is full.
    Full,
    /// A key is a link to this file.
    LinkTo(PathBuf),
    /// The log of a database is there, and the database is not.
    LogAlone,
    /// A newer version of this program wrote the file.
    Newer {
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The path leads to a link, a folder, a device or a socket.
    NotPlain,
    /// A private file or folder has a mode that gives other users access.
    OpenToOthers {
        /// The permission bits, such as `0o644`.
        mode: u32,
        /// The permission bits to set, such as `0o600`.
        wanted: u32,
    },
    /// The file belongs to another user of the machine.
    OtherOwner {
        /// The number of that user in the system.
        uid: u32,
    },
    /// The file belongs to another program, or is no database.
    OtherProgram {
        /// The word for the file that was looked for, such as "ledger".
        wanted: &'static str,
    },
    /// The operating system reported an error.
    System(io::Error),
    /// SQLite reported an error. The text holds no value from the database.
    Sqlite(String),
}

impl FileError {
    /// Makes an error about the file at `path`.
    pub(crate) fn new(path: &Path, fault: FileFault) -> Self {
        Self {
            path: path.to_owned(),
            fault,
        }
    }

    /// Returns the path of the file or folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the fault, for callers that name the file themselves.
    #[must_use]
    pub const fn fault(&self) -> &FileFault {
        &self.fault
    }
}

impl FileFault {
    /// Returns true if others could read, write or swap the file: its mode, its owner, its folder, a
    /// link, or something else than a plain file.
    #[must_use]
    pub const fn is_unsafe(&self) -> bool {
        matches!(
            self,
            Self::FolderOpenToOthers { .. }
                | Self::LinkTo(_)
                | Self::NotPlain
                | Self::OpenToOthers { .. }
                | Self::OtherOwner { .. }
        )
    }
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A full quota has the same fix as a full disk.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::System(error),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.fault)
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A text names the next step if there is one, and says so if the file was left unchanged.
        match self {
            Self::Damaged(text) => write!(
                f,
                "the file is damaged ({text}); it is left as it is, move it away or restore it"
            ),
            Self::Empty => f.write_str(
                "the file is empty, so what it held is lost; it is left as it is, restore it from a \
                 copy, or move it away",
            ),
            Self::FolderOpenToOthers { folder, mode } => write!(
                f,
                "others can put another file in its place (its folder has mode {mode:o}); run \
                 chmod go-w {}",
                folder.display()
            ),
            Self::Full => f.write_str("no space is left on the disk; free some and start again"),
            Self::LinkTo(target) => write!(
                f,
                "it is a link, and whoever can change it chooses the key; name the file itself: {}",
                target.display()
            ),
            Self::LogAlone => f.write_str(
                "the log of a database (its name ends in -wal) lies there, and the database is gone; put \
                 the database back, or move the log away",
            ),
            Self::Newer { found, known } => write!(
                f,
                "a newer version of this program wrote it (format {found}, this one knows \
                 {known}); it is left as it is, upgrade or name another file"
            ),
            Self::NotPlain => f.write_str("not a plain file; move it away"),
            Self::OpenToOthers { mode, wanted } => write!(
                f,
                "others can read it (mode {mode:o}); run chmod {wanted:o} on it"
            ),
            Self::OtherOwner { uid } => write!(
                f,
                "it belongs to another user (number {uid}); run as that user, or name another place"
            ),
            Self::OtherProgram { wanted } => write!(
                f,
                "holds other data than a {wanted}, another program's; it is left as it is, move it \
                 away or name another file"
            ),
            Self::System(error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "{error}; check folder and name")
            }
            Self::System(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "{error}; check folder and owner")
            }
            Self::System(error) => error.fmt(f),
            Self::Sqlite(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            FileFault::System(error) => Some(error),
            _ => None,
        }
    }
}
