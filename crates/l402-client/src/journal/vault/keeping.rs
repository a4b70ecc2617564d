//! An answer that is put into the vault while it is read.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use l402_host::FileLock;

use super::folder::Vault;
use super::name::{FileName, Place};
use super::sealed::Sealer;

/// A file of the vault that is being written. Dropped before its end, it leaves nothing.
pub(crate) struct Keeping {
    pub(super) vault: Vault,
    pub(super) place: Place,
    /// Its length is known at the end.
    pub(super) name: FileName,
    pub(super) draft: PathBuf,
    /// `None` at the end.
    pub(super) sealer: Option<Sealer<BufWriter<File>>>,
    /// The bytes of the body that still fit.
    pub(super) left: u64,
    /// Held as long as the draft is there, so that it is told from one that a crash has left.
    pub(super) _lock: FileLock,
}

impl Keeping {
    /// Adds a piece of the body. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written, or the body is too long to be kept.
    pub(crate) fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        match &mut self.sealer {
            Some(sealer) => sealer.add(piece),
            None => Ok(()),
        }
    }

    /// Puts the whole answer at its place. Blocks. One that is owed is then durable.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let Some(sealer) = self.sealer.take() else {
            return Ok(());
        };
        let file = sealer.finish()?;
        // What was delivered is only an archive: it does not hold the program up until the disk has it.
        if self.place == Place::Owed {
            file.get_ref().sync_all()?;
        }
        self.name.size = file.get_ref().metadata()?.len();
        drop(file);
        self.vault.place(self.place, &self.draft, &self.name)
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        // After `finish` there is no draft any more.
        let _ = std::fs::remove_file(&self.draft);
    }
}
