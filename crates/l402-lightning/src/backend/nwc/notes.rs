//! Notes of the payments that this machine has begun, one small file each, so that a restart does
//! not forget them.
//!
//! A wallet that knows nothing of a payment may still learn of it: a relay may deliver the request
//! late, and some wallets record a payment only after it is made. So *not found* is an end only
//! after the request and the invoice have both expired, and after a restart the note alone knows
//! when that is.

use core::time::Duration;
use std::path::{Path, PathBuf};

use l402::{PaymentHash, UnixTime};
use l402_host::{FileError, private};

use crate::{Error, ErrorKind};

/// The largest difference between the wallet's clock and ours that is allowed for.
const SKEW: Duration = Duration::from_secs(600);

/// The age at which a note goes, counted from the end of request and invoice.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The largest number of notes that a start looks through.
const MAX_NOTES: usize = 10_000;

/// The notes of one connection.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    folder: PathBuf,
}

/// A payment that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The time from which the wallet must not begin the request.
    pub(super) request_ends: UnixTime,
    /// The time from which the invoice cannot be paid.
    pub(super) invoice_ends: UnixTime,
    /// True if the wallet already knew of a payment that had failed.
    pub(super) had_failed: bool,
}

impl Note {
    /// Returns true if the wallet cannot begin the request any more.
    pub(super) fn is_request_over(&self, now: UnixTime) -> bool {
        now > self.request_ends.saturating_add(SKEW)
    }

    /// Returns true if the payment cannot be made any more.
    pub(super) fn is_over(&self, now: UnixTime) -> bool {
        self.is_request_over(now) && now > self.invoice_ends.saturating_add(SKEW)
    }

    fn to_text(self) -> String {
        let (request, invoice) = (self.request_ends.secs(), self.invoice_ends.secs());
        format!("{request} {invoice} {}\n", u8::from(self.had_failed))
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let mut time = || words.next()?.parse().ok().map(UnixTime::from_secs);
        let (request_ends, invoice_ends) = (time()?, time()?);
        let had_failed = match words.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        Some(Self {
            request_ends,
            invoice_ends,
            had_failed,
        })
    }
}

impl Notes {
    /// Opens the notes of the connection `name` in the home folder, and removes those that are old.
    pub(super) fn open(home: &Path, name: &str, now: UnixTime) -> Result<Self, Error> {
        let above = home.join("nwc");
        let folder = above.join(name);
        private::create_folder(&above)?;
        private::create_folder(&folder)?;
        let notes = Self { folder };
        let found = std::fs::read_dir(&notes.folder).into_iter().flatten();
        for entry in found.take(MAX_NOTES).flatten() {
            let name = entry.file_name();
            let hash = name.to_str().and_then(|name| name.parse().ok());
            let Some(hash) = hash else { continue };
            let note = notes.read(&hash).ok().flatten();
            if note.is_some_and(|note| {
                note.is_over(UnixTime::from_secs(
                    now.secs().saturating_sub(KEPT.as_secs()),
                ))
            }) {
                notes.remove(&hash);
            }
        }
        Ok(notes)
    }

    /// Returns the note of a payment.
    pub(super) fn read(&self, hash: &PaymentHash) -> Result<Option<Note>, Error> {
        let path = self.path(hash);
        // Asked first, because `private::read` makes a file that is missing.
        if !path
            .try_exists()
            .map_err(|error| unreadable(&path, &error.to_string()))?
        {
            return Ok(None);
        }
        let bytes = private::read(&path)?;
        let note = core::str::from_utf8(&bytes).ok().and_then(Note::read);
        note.map(Some)
            .ok_or_else(|| unreadable(&path, "it is no note of a payment"))
    }

    /// Writes the note of a payment, durably. Returns false if there is one already, perhaps of
    /// another process.
    pub(super) fn write(&self, hash: &PaymentHash, note: Note) -> Result<bool, FileError> {
        private::create(&self.path(hash), note.to_text().as_bytes())
    }

    /// Removes the note of a payment that certainly moves no money. One that stays only lets the
    /// payment look unknown for longer.
    pub(super) fn remove(&self, hash: &PaymentHash) {
        let path = self.path(hash);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!(target: "l402_lightning::nwc", "{} stays: {error}", path.display());
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
        };
        let notes = Notes::open(home.path(), "a", at(1_000_000)).unwrap();
        assert_eq!(notes.read(&hash).unwrap(), None);
        assert!(notes.write(&hash, note).unwrap());
        assert!(!notes.write(&hash, note).unwrap());
        let later = Notes::open(home.path(), "a", at(1_100_000)).unwrap();
        assert_eq!(later.read(&hash).unwrap(), Some(note));
        let month = Notes::open(home.path(), "a", at(4_000_000)).unwrap();
        assert_eq!(month.read(&hash).unwrap(), None);
        notes.write(&hash, note).unwrap();
        std::fs::write(notes.path(&hash), "1 2").unwrap();
        assert!(notes.read(&hash).is_err());
        notes.remove(&hash);
        assert_eq!(notes.read(&hash).unwrap(), None);
    }

    #[test]
    fn a_payment_is_over_after_request_and_invoice_and_the_skew_of_the_clocks() {
        let note = Note {
            request_ends: at(100),
            invoice_ends: at(5_000),
            had_failed: false,
        };
        assert!(!note.is_request_over(at(700)) && note.is_request_over(at(701)));
        assert!(!note.is_over(at(5_600)) && note.is_over(at(5_601)));
        let long = Note {
            request_ends: at(9_000),
            ..note
        };
        assert!(!long.is_over(at(9_600)) && long.is_over(at(9_601)));
    }
}
