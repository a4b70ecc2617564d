//! The handle on the journal, and the files that it makes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use l402::{Msat, PaymentHash, UnixTime};
use l402_host::private;

use super::lock::Locks;
use super::store::Store;
use crate::Error;

/// The state of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Failed for certain; no money moved.
    Failed,
    /// Written before the wallet is asked. Unless a run is at it now, none ever was.
    Intent,
    /// Paid and proven; the answer has not been had in full.
    Paid,
    /// The wallet says paid but its preimage does not prove it: kept for a claim.
    PaidNoProof,
    /// Paid, and the server refused the credential for good.
    Refused,
    /// Paid, and the answer was had to its end.
    Served,
    /// The wallet was asked, and its answer is not known, or not yet: the amount stays reserved.
    Unknown,
}

impl State {
    pub(super) const ALL: [Self; 7] = [
        Self::Failed,
        Self::Intent,
        Self::Paid,
        Self::PaidNoProof,
        Self::Refused,
        Self::Served,
        Self::Unknown,
    ];

    /// Name for JSON: `failed`, `intent`, `paid`, `paid_no_proof`, `refused`, `served`, `unknown`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Intent => "intent",
            Self::Paid => "paid",
            Self::PaidNoProof => "paid_no_proof",
            Self::Refused => "refused",
            Self::Served => "served",
            Self::Unknown => "unknown",
        }
    }

    /// Returns true if nobody can say yet whether money moved.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Intent | Self::Unknown)
    }
}

/// One purchase. Holds no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The payment hash.
    pub payment_hash: PaymentHash,
    /// Scheme, host and port.
    pub origin: String,
    /// The path.
    pub path: String,
    /// The invoice's amount.
    pub amount: Msat,
    /// The cost of routing, once known; before that the most it may be.
    pub fee: Msat,
    /// The state it is in.
    pub state: State,
    /// The time it began.
    pub created: UnixTime,
    /// The time of its last change.
    pub updated: UnixTime,
    /// The reason why it failed or is unknown, for people.
    pub note: String,
}

/// The journal of payments, with tokens and budget in the same SQLite file (0600). Cheap to
/// clone; several processes may have it open at once.
#[derive(Clone)]
pub struct Journal {
    file: Arc<Path>,
    store: Arc<Mutex<Store>>,
    locks: Arc<Locks>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens or creates `FOLDER/client.db` and `FOLDER/locks/`.
    ///
    /// # Errors
    /// [`Error::Store`], naming the file. One that is broken, is a link, belongs to something
    /// else or was written by a newer version is refused and left as it is.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("client.db");
        let locks = folder.join("locks");
        private::create_folder(&locks)?;
        let store = Store::open(&file)?;
        Ok(Self {
            file: file.into(),
            store: Arc::new(Mutex::new(store)),
            locks: Arc::new(Locks::new(locks)),
        })
    }

    /// The newest entries first.
    ///
    /// # Errors
    /// [`Error::Store`] when the file cannot be read.
    pub fn entries(&self, limit: usize) -> Result<Vec<Entry>, Error> {
        self.with(|store| store.entries(limit))
    }

    /// The folder that it was opened in.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    pub(crate) fn locks(&self) -> &Locks {
        &self.locks
    }

    /// Runs `work` on a blocking thread, and to its end even if the caller goes away.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let journal = self.clone();
        let done = tokio::task::spawn_blocking(move || journal.with(work)).await;
        done.unwrap_or_else(|_| Err(Error::store("the journal's thread was stopped")))
    }

    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Store) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut store).map_err(|error| unusable(&self.file, &error))
    }
}

/// The error of SQLite, whose texts never hold a value of ours.
pub(super) fn unusable(file: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::store(format!("{}: {error}", file.display()))
}
