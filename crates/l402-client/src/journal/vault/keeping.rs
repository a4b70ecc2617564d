//! An answer that is put into the vault while it is read.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use l402_host::FileLock;

use super::folder::Vault;
use super::name::{FileName, Place};
use super::sealed::Sealer;

/// The most answers that one client writes into the vault at the same time. Each takes one of the threads
/// that may block, of which tokio has 512 for everything, and an answer may last for hours.
const DRAFTS_MAX: usize = 128;

/// The answers that one client is writing at this moment. Those of a server that never ends them are many
/// at the end, so they are bounded together as well.
#[derive(Debug, Default)]
pub(super) struct Drafts(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    count: usize,
    bytes: u64,
}

impl Drafts {
    /// Counts one more draft. Returns `None` if there are enough.
    pub(super) fn begin(self: &Arc<Self>, most: u64) -> Option<Draft> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.count >= DRAFTS_MAX {
            return None;
        }
        open.count += 1;
        Some(Draft {
            all: Arc::clone(self),
            bytes: 0,
            most,
        })
    }
}

/// The part of one answer in [`Drafts`], given back when it is dropped.
#[derive(Debug)]
pub(super) struct Draft {
    all: Arc<Drafts>,
    bytes: u64,
    /// The most bytes of all drafts.
    most: u64,
}

impl Draft {
    fn add(&mut self, bytes: u64) -> io::Result<()> {
        let mut open = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.bytes.saturating_add(bytes) > self.most {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        open.bytes += bytes;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let mut open = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.count -= 1;
        open.bytes -= self.bytes;
    }
}

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
    /// Its part of the bounds of all drafts. `None` for an answer that is owed, which is in memory whole.
    pub(super) share: Option<Draft>,
    /// Held as long as the draft is there, so that it is told from one that a crash has left.
    pub(super) _lock: FileLock,
}

impl Keeping {
    /// Adds a piece of the body. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written, or the body, alone or beside what is being written of others, is too
    /// long to be kept.
    pub(crate) fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        if let Some(share) = &mut self.share {
            share.add(piece.len() as u64)?;
        }
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
