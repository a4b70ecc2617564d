//! The note of where a command listens, for other programs of this home, which never ask it.

use std::net::SocketAddr;
use std::path::PathBuf;

use l402_host::{FileError, FileLock, private};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;

/// A note in `run/` of the home folder. Removed when it is dropped; what a crash leaves is written
/// anew by the next command at that port.
pub(crate) struct Note {
    path: PathBuf,
    /// Held by this process, so that a note without it is known to be old.
    _lock: FileLock,
}

impl Note {
    /// Notes the address of a listener. `kind` begins the name of the file.
    ///
    /// # Errors
    /// If the note cannot be written.
    pub(crate) fn write(
        kind: &str,
        address: SocketAddr,
        context: &Context,
    ) -> Result<Self, CliError> {
        let folder = context.home.create()?.join("run");
        let name = format!(
            "{kind}-{}",
            address.to_string().replace([':', '[', ']'], "_")
        );
        let path = folder.join(&name);
        let write = || -> Result<Option<FileLock>, FileError> {
            private::create_folder(&folder)?;
            let lock = FileLock::try_take(&folder.join(format!("{name}.lock")))?;
            private::replace(&path, format!("{address}\n").as_bytes())?;
            Ok(lock)
        };
        let failed = |error: FileError| {
            let (exit, code) = exit_code::of_file(error.fault());
            CliError::new(exit, code, format!("the note of the address: {error}"))
        };
        // Another process cannot hold it: it would have the port, too.
        let lock = write().map_err(failed)?.ok_or_else(|| {
            CliError::local_io(format!("{} is locked by another process", path.display()))
        })?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // One that stays names a port at which nobody is asked; that does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}
