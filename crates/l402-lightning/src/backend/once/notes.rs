//! The folder with the notes of one wallet: a small file for each payment, named by its hash.

use core::time::Duration;
use std::path::{Path, PathBuf};

use l402::{PaymentHash, UnixTime};
use l402_host::{FileLock, private};

use super::note::Note;
use crate::{Error, ErrorKind};

/// The age at which a note goes, counted from the end of request and invoice.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The largest number of notes that a start looks through.
const MAX_NOTES: usize = 10_000;

/// The notes of one wallet.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    folder: PathBuf,
}

impl Notes {
    /// Opens the notes in `above/name`, and removes those that are old. Makes no folder yet: a wallet
    /// that is only asked for its balance writes nothing.
    pub(super) fn open(above: &Path, name: &str, now: UnixTime) -> Self {
        let notes = Self {
            folder: above.join(name),
        };
        let before = UnixTime::from_secs(now.secs().saturating_sub(KEPT.as_secs()));
        let found = std::fs::read_dir(&notes.folder).into_iter().flatten();
        for entry in found.take(MAX_NOTES).flatten() {
            let name = entry.file_name();
            let hash = name.to_str().and_then(|name| name.parse().ok());
            let Some(hash) = hash else { continue };
            let note = notes.read(&hash).ok().flatten();
            if note.is_some_and(|note| note.is_over(before)) {
                notes.remove(&hash);
            }
        }
        notes
    }

    /// Takes the lock of a payment, and reads its note. `None` if another attempt has the lock.
    pub(super) fn take(
        &self,
        hash: &PaymentHash,
    ) -> Result<Option<(FileLock, Option<Note>)>, Error> {
        for folder in [self.folder.parent(), Some(self.folder.as_path())] {
            folder.map(private::create_folder).transpose()?;
        }
        let lock = FileLock::try_take(&self.path(hash).with_extension("lock"))?;
        lock.map(|lock| Ok((lock, self.read(hash)?))).transpose()
    }

    /// Returns the note of a payment.
    pub(super) fn read(&self, hash: &PaymentHash) -> Result<Option<Note>, Error> {
        let path = self.path(hash);
        // Asked first, because `private::read` makes a file that is missing.
        let exists = path.try_exists();
        if !exists.map_err(|error| unreadable(&path, &error.to_string()))? {
            return Ok(None);
        }
        let bytes = private::read(&path)?;
        let note = core::str::from_utf8(&bytes).ok().and_then(Note::read);
        note.map(Some)
            .ok_or_else(|| unreadable(&path, "it is no note of a payment"))
    }

    /// Writes the note of a payment, durably, in place of an earlier one.
    pub(super) fn write(&self, hash: &PaymentHash, note: Note) -> Result<(), Error> {
        Ok(private::replace(
            &self.path(hash),
            note.to_text().as_bytes(),
        )?)
    }

    /// Removes the note of a payment that certainly moves no money, or has moved it. One that stays
    /// only lets the payment look unknown for longer.
    pub(super) fn remove(&self, hash: &PaymentHash) {
        let path = self.path(hash);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!(target: "l402_lightning::once", "{} stays: {error}", path.display());
        }
    }

    fn path(&self, hash: &PaymentHash) -> PathBuf {
        self.folder.join(hash.to_string())
    }
}

fn unreadable(path: &Path, text: &str) -> Error {
    let path = path.display();
    Error::new(ErrorKind::Local, format!("cannot read {path}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use l402::Msat;

    const fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    #[test]
    fn a_note_outlives_a_restart_and_goes_a_month_after_its_end() {
        let home = tempfile::tempdir().unwrap();
        let hash = PaymentHash::from_bytes([5; 32]);
        let note = Note {
            request_ends: at(1_000_030),
            invoice_ends: at(1_000_600),
            had_failed: true,
            max_fee: Msat::from_sat(3),
        };
        let notes = Notes::open(home.path(), "a", at(1_000_000));
        assert_eq!(notes.read(&hash).unwrap(), None);
        assert!(!home.path().join("a").exists());
        let (lock, none) = notes.take(&hash).unwrap().unwrap();
        assert!(none.is_none() && notes.take(&hash).unwrap().is_none());
        drop(lock);
        notes.write(&hash, note).unwrap();
        let later = Notes::open(home.path(), "a", at(1_100_000));
        assert_eq!(later.read(&hash).unwrap(), Some(note));
        let month = Notes::open(home.path(), "a", at(4_000_000));
        assert_eq!(month.read(&hash).unwrap(), None);
        std::fs::write(notes.path(&hash), "1 2").unwrap();
        assert!(notes.read(&hash).is_err());
        notes.remove(&hash);
        assert_eq!(notes.read(&hash).unwrap(), None);
    }
}
