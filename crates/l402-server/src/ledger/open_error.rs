//! The reasons why a ledger does not open.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use l402_host::{FileError, FileFault};

/// A ledger that does not open. `Display` names it, what is wrong, and the fix.
#[derive(Debug)]
pub struct LedgerError {
    /// The file, or the address of the database without a password.
    place: PathBuf,
    cause: Cause,
}

/// Sorts [`LedgerError`] by what the operator has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LedgerErrorKind {
    /// The content is damaged or gone: restore the file, or move it away.
    Damaged,
    /// No space is left on the disk.
    Full,
    /// A newer version of this program wrote the file: upgrade.
    Newer,
    /// The file holds another program's data, or is no database.
    OtherProgram,
    /// The file, or the lock file beside it, is a link, belongs to another user, or lets others in.
    Unsafe,
    /// Anything else that keeps the file from being written: a missing folder, rights, a file
    /// system without locks, another process that does not let go of the file.
    Unwritable,
}

#[derive(Debug)]
enum Cause {
    File(FileError),
    Lock(FileError),
    HeldByOlder,
    #[cfg(feature = "postgres")]
    InUse,
    #[cfg(feature = "postgres")]
    Database(l402_host::postgres::PostgresError),
    /// SQLite's word on a file that had been opened well.
    Recovery(FileFault),
    System(io::Error),
}

impl LedgerError {
    pub(super) fn file(path: &Path, error: FileError) -> Self {
        Self::new(path, Cause::File(error))
    }

    pub(super) fn lock(path: &Path, error: FileError) -> Self {
        Self::new(path, Cause::Lock(error))
    }

    pub(super) fn recovery(path: &Path, fault: FileFault) -> Self {
        Self::new(path, Cause::Recovery(fault))
    }

    /// A process of an older version, which counts in another way, has the file open.
    pub(super) fn held_by_older(path: &Path) -> Self {
        Self::new(path, Cause::HeldByOlder)
    }

    /// The database of this address, without a password, cannot be used.
    #[cfg(feature = "postgres")]
    pub(super) fn database(place: &str, error: l402_host::postgres::PostgresError) -> Self {
        Self::new(Path::new(place), Cause::Database(error))
    }

    /// The books beside the ledger of this address cannot be used.
    #[cfg(all(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn books(to: &l402_host::PostgresUrl, error: &dyn fmt::Display) -> Self {
        let error = l402_host::postgres::PostgresError::local(error);
        Self::database(&to.to_string(), error)
    }

    /// A process has the file open.
    #[cfg(all(feature = "postgres", feature = "sqlite"))]
    pub(super) fn in_use(path: &Path) -> Self {
        Self::new(path, Cause::InUse)
    }

    /// The system has no thread, or no randomness.
    pub(super) fn system(path: &Path, error: io::Error) -> Self {
        Self::new(path, Cause::System(error))
    }

    fn new(place: &Path, cause: Cause) -> Self {
        Self {
            place: place.to_owned(),
            cause,
        }
    }

    /// The kind of the fault.
    #[must_use]
    pub fn kind(&self) -> LedgerErrorKind {
        let fault = match &self.cause {
            Cause::File(error) | Cause::Lock(error) => error.fault(),
            Cause::Recovery(fault) => fault,
            #[cfg(feature = "postgres")]
            Cause::Database(error) => return kind_of_database(error),
            #[cfg(feature = "postgres")]
            Cause::InUse => return LedgerErrorKind::Unwritable,
            Cause::HeldByOlder | Cause::System(_) => return LedgerErrorKind::Unwritable,
        };
        match fault {
            FileFault::Damaged(_) | FileFault::Empty | FileFault::LogAlone => {
                LedgerErrorKind::Damaged
            }
            FileFault::Full => LedgerErrorKind::Full,
            FileFault::Newer { .. } => LedgerErrorKind::Newer,
            fault if fault.is_unsafe() => LedgerErrorKind::Unsafe,
            FileFault::OtherProgram { .. } => LedgerErrorKind::OtherProgram,
            // `System`, `Sqlite`, and faults that the crate of files may learn later.
            _ => LedgerErrorKind::Unwritable,
        }
    }

    /// The ledger's file, or the address of its database.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }
}

/// Returns the kind of an error of a database.
#[cfg(feature = "postgres")]
fn kind_of_database(error: &l402_host::postgres::PostgresError) -> LedgerErrorKind {
    use l402_host::postgres::PostgresErrorKind as Kind;
    match error.kind() {
        Kind::Full => LedgerErrorKind::Full,
        Kind::Newer => LedgerErrorKind::Newer,
        Kind::Invalid => LedgerErrorKind::Damaged,
        _ => LedgerErrorKind::Unwritable,
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ledger {}: ", self.place.display())?;
        match &self.cause {
            Cause::File(error) => error.fault().fmt(f),
            Cause::Lock(error) => write!(f, "cannot lock a file beside it: {error}"),
            #[cfg(feature = "postgres")]
            Cause::Database(error) => error.fmt(f),
            #[cfg(feature = "postgres")]
            Cause::InUse => f.write_str("a gateway has it open; end that first"),
            Cause::HeldByOlder => f.write_str(
                "an older version of this program has it open, and counts in another way: end that \
                 first",
            ),
            Cause::Recovery(fault) => fault.fmt(f),
            Cause::System(error) => write!(
                f,
                "the system has no thread or no randomness for it: {error}"
            ),
        }
    }
}

impl Error for LedgerError {
    /// The system's own error. The fault of a file is part of this error's text already.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::File(error) | Cause::Lock(error) => error.source(),
            #[cfg(feature = "postgres")]
            Cause::Database(_) | Cause::InUse => None,
            Cause::HeldByOlder | Cause::Recovery(_) => None,
            Cause::System(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_file_has_a_kind() {
        let (found, known, wanted) = (9, 2, "ledger");
        let faults = [
            (FileFault::Damaged("x".into()), LedgerErrorKind::Damaged),
            (FileFault::Empty, LedgerErrorKind::Damaged),
            (FileFault::LogAlone, LedgerErrorKind::Damaged),
            (FileFault::Full, LedgerErrorKind::Full),
            (FileFault::Newer { found, known }, LedgerErrorKind::Newer),
            (FileFault::NotPlain, LedgerErrorKind::Unsafe),
            (
                FileFault::OpenToOthers {
                    mode: 0o644,
                    wanted: 0o600,
                },
                LedgerErrorKind::Unsafe,
            ),
            (FileFault::OtherOwner { uid: 0 }, LedgerErrorKind::Unsafe),
            (
                FileFault::OtherProgram { wanted },
                LedgerErrorKind::OtherProgram,
            ),
            (
                FileFault::System(io::ErrorKind::NotFound.into()),
                LedgerErrorKind::Unwritable,
            ),
            (
                FileFault::Sqlite("locked".into()),
                LedgerErrorKind::Unwritable,
            ),
        ];
        for (fault, kind) in faults {
            let error = LedgerError::recovery(Path::new("l.db"), fault);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().starts_with("ledger l.db: "), "{error}");
        }
    }
}
