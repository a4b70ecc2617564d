//! The handle on the journal, and the files that it makes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use l402::{Msat, PaymentHash, UnixTime};
use l402_host::private;

use super::BudgetName;
use super::lock::Locks;
use super::store::Store;
use super::vault::{Vault, VaultLimits};
use crate::Error;

/// The state of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The payment failed for certain. No money moved.
    Failed,
    /// The purchase is written down and no wallet was asked yet.
    Intent,
    /// The payment is proven, and the answer has not been read in full.
    Paid,
    /// The wallet reports a payment that its preimage does not prove. Kept for a claim.
    PaidNoProof,
    /// The payment is proven, and the server refused the credential for good.
    Refused,
    /// The payment is proven, and the answer was read to its end.
    Served,
    /// The wallet was asked, and its answer is not known yet. The amount stays reserved.
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

    /// The states in which money has left the wallet for certain.
    pub(super) const MOVED: [Self; 4] =
        [Self::Paid, Self::PaidNoProof, Self::Refused, Self::Served];

    /// The states of what was paid for and never answered.
    pub const UNSERVED: [Self; 3] = [Self::Paid, Self::PaidNoProof, Self::Refused];

    /// Returns the name for JSON: `failed`, `intent`, `paid`, `paid_no_proof`, `refused`, `served`, `unknown`.
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

/// One purchase, as a list of payments shows it. Holds no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The payment hash, which names the purchase.
    pub payment_hash: PaymentHash,
    /// The scheme, host and port of the server.
    pub origin: String,
    /// The path, without the query.
    pub path: String,
    /// The amount of the invoice.
    pub amount: Msat,
    /// The amount that the payee got, as the wallet says; zero before it has.
    pub paid: Msat,
    /// The cost of routing, once known; before that the most it may be.
    pub fee: Msat,
    /// The state of the purchase.
    pub state: State,
    /// The time at which it was written down first.
    pub created: UnixTime,
    /// The time of its last change.
    pub updated: UnixTime,
    /// The reason why it failed or is unknown, for people.
    pub note: String,
    /// The budget that it counts against.
    pub budget: BudgetName,
    /// True for an invoice that was paid for itself. Its origin is `lightning:` and the public key of
    /// the payee, its path is empty, and no token or answer comes of it.
    pub is_invoice: bool,
}

impl Entry {
    /// Returns the amount that has left the wallet for certain, the fee included. It is zero while
    /// the outcome is open, though the amount stays reserved.
    #[must_use]
    pub fn moved(&self) -> Msat {
        if State::MOVED.contains(&self.state) {
            self.amount.max(self.paid).saturating_add(self.fee)
        } else {
            Msat::ZERO
        }
    }
}

/// The journal of payments, with tokens and budget in the same SQLite file (0600). Cheap to
/// clone; several processes may have it open at once.
///
/// ```
/// use l402_client::{Journal, State};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let journal = Journal::open(&folder.join("client"))?;
/// let entries = journal.entries(10)?;
/// let open = entries.iter().filter(|entry| entry.state == State::Unknown);
/// assert_eq!(open.count(), 0, "nothing was bought yet");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Journal {
    file: Arc<Path>,
    store: Arc<Mutex<Store>>,
    locks: Arc<Locks>,
    vault: Vault,
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
    /// [`Error::Store`], naming the file. A file that is empty or broken, is a link, belongs to another program
    /// or was written by a newer version is refused and left as it is.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("client.db");
        let locks = folder.join("locks");
        private::create_folder(folder)?;
        private::create_folder(&locks)?;
        let store = Store::open(&file)?;
        Ok(Self {
            file: file.into(),
            store: Arc::new(Mutex::new(store)),
            locks: Arc::new(Locks::new(locks)),
            vault: Vault::new(folder, None),
        })
    }

    /// Returns at most `limit` entries, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn entries(&self, limit: usize) -> Result<Vec<Entry>, Error> {
        self.with(|store| store.entries(limit))
    }

    /// The paid answers that are kept.
    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Keeps delivered answers within these limits from now on, or none.
    pub(crate) fn keep_answers(&mut self, limits: Option<VaultLimits>) {
        self.vault = Vault::new(self.folder(), limits);
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
        // A blocking task cannot be cancelled, so a dropped future leaves no write half done.
        let done = tokio::task::spawn_blocking(move || journal.with(work)).await;
        done.unwrap_or_else(|_| Err(Error::store("the journal's thread was stopped")))
    }

    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Store) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        // After a panic the store is still good: its transaction was rolled back when it was dropped.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut store).map_err(|error| unusable(&self.file, &error))
    }
}

/// The error of SQLite, whose texts never hold a value of ours.
pub(super) fn unusable(file: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::store(format!("{}: {error}", file.display()))
}
