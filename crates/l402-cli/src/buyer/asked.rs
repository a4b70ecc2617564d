//! The note of which wallet was asked to pay an invoice, if there are several.
//!
//! `HOME/wallets/asked/HASH` holds the name of the wallet, on its first line, and the end of the
//! invoice in unix seconds, on its second. It is written before the wallet is asked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::{FileError, FileFault, FileLock, private};

/// The time for which a note is kept after the end of its invoice.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The notes of one home folder.
#[derive(Clone, Debug)]
pub(super) struct AskedWallets {
    folder: PathBuf,
}

impl AskedWallets {
    pub(super) fn of(home: &Path) -> Self {
        let folder = home.join("wallets").join("asked");
        Self { folder }
    }

    /// Excludes every other payment of this hash, also in other processes; `None` if there is one.
    pub(super) fn turn(&self, hash: PaymentHash) -> Result<Option<FileLock>, FileError> {
        private::create_folder(&self.folder)?;
        FileLock::try_take(&self.folder.join(format!("{hash}.lock")))
    }

    /// Returns the name of the wallet that was asked last; `None` if none was.
    pub(super) fn wallet(&self, hash: PaymentHash) -> Result<Option<String>, FileError> {
        let path = self.folder.join(hash.to_string());
        match private::read(&path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                // A note without a name is the name of no wallet, so its payment stays unknown.
                Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes that this wallet is about to be asked. Durable when it returns.
    pub(super) fn note(
        &self,
        hash: PaymentHash,
        wallet: &str,
        expires: UnixTime,
    ) -> Result<(), FileError> {
        let text = format!("{wallet}\n{expires}\n");
        private::replace(&self.folder.join(hash.to_string()), text.as_bytes())
    }

    /// Removes the note of a payment that has failed for certain.
    pub(super) fn forget(&self, hash: PaymentHash) {
        // One that stays makes the next call ask for more proof.
        let _ = fs::remove_file(self.folder.join(hash.to_string()));
    }

    /// Removes the notes of invoices that ended long ago.
    pub(super) fn prune(&self, now: UnixTime) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let is_note = path.extension().is_none();
            let read = is_note.then(|| private::read(&path).ok()).flatten();
            let text = read.map(|text| String::from_utf8_lossy(&text).into_owned());
            let expires = text.and_then(|text| text.lines().nth(1)?.parse().ok());
            if expires.is_some_and(|end| UnixTime::from_secs(end).saturating_add(KEPT) < now) {
                // One that stays is removed by the next call.
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn is_missing(error: &FileError) -> bool {
    match error.fault() {
        FileFault::System(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}
