//! The store in one SQLite file.

use std::fmt;
use std::path::{Path, PathBuf};

use l402::{PaymentHash, UnixTime};
use l402_host::BoxFuture;
use l402_host::sqlite;

use super::listings::host_of;
use super::owner::OwnerChange;
use super::readers::Readers;
use super::schema::SCHEMA;
use super::writer::Writer;
use super::{find, history, listings, moderation, owner, read, record, review};
use crate::listing::{
    CanonicalUrl, Edit, Hidden, Listing, ListingId, NewListing, Owner, PaidProbe,
};
use crate::search::Query;
use crate::store::{
    Added, Category, Claim, Due, Found, History, Probed, Review, ReviewFate, Store, StoreError,
    StoreOpenError, Totals,
};

/// A store in one SQLite file. Several processes may use the file at once.
///
/// Each change is on the disk when its future ends. One thread writes, a few connections read, and none
/// of them waits for the other.
#[derive(Clone)]
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens the file, or makes it with mode 0600. Blocks while another process holds it, for a few
    /// seconds at most.
    ///
    /// # Errors
    /// See [`StoreOpenError`]; those of [`l402_host::sqlite::open`] are its first part.
    pub fn open(path: &Path) -> Result<Self, StoreOpenError> {
        let connection = sqlite::open(path, &SCHEMA)?;
        connection.set_prepared_statement_cache_capacity(128);
        let failed = |error: &dyn fmt::Display| StoreOpenError::System(error.to_string());
        let readers = Readers::open(path).map_err(|error| failed(&error))?;
        let writer = Writer::start(connection).map_err(|error| failed(&error))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            readers,
        })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SqliteStore");
        debug.field("path", &self.path).finish_non_exhaustive()
    }
}

/// The outcome of a call.
type Outcome<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl Store for SqliteStore {
    fn add(&self, new: Vec<NewListing>, now: UnixTime) -> Outcome<'_, Vec<Added>> {
        Box::pin(
            self.writer
                .change(move |file| listings::add(file, new, now)),
        )
    }

    fn listing(&self, id: ListingId) -> Outcome<'_, Option<Listing>> {
        Box::pin(self.readers.read(move |file| read::one(file, id)))
    }

    fn search(&self, query: Query) -> Outcome<'_, Found> {
        Box::pin(self.readers.read(move |file| find::search(file, &query)))
    }

    fn categories(&self) -> Outcome<'_, Vec<Category>> {
        Box::pin(self.readers.read(read::categories))
    }

    fn totals(&self, now: UnixTime) -> Outcome<'_, Totals> {
        Box::pin(self.readers.read(move |file| read::totals(file, now)))
    }

    fn history(&self, id: ListingId, now: UnixTime) -> Outcome<'_, History> {
        Box::pin(
            self.readers
                .read(move |file| history::history(file, id, now)),
        )
    }

    fn due(&self, now: UnixTime, limit: u32) -> Outcome<'_, Vec<Due>> {
        Box::pin(self.readers.read(move |file| read::due(file, now, limit)))
    }

    fn due_one(&self, id: ListingId) -> Outcome<'_, Option<Due>> {
        Box::pin(self.readers.read(move |file| read::due_one(file, id)))
    }

    fn record(&self, id: ListingId, probed: Probed) -> Outcome<'_, ()> {
        Box::pin(
            self.writer
                .change(move |file| record::record(file, id, &probed)),
        )
    }

    fn record_paid(&self, id: ListingId, paid: PaidProbe) -> Outcome<'_, ()> {
        Box::pin(
            self.writer
                .change(move |file| record::record_paid(file, id, &paid)),
        )
    }

    fn schedule(&self, id: ListingId, next: Option<UnixTime>) -> Outcome<'_, ()> {
        Box::pin(
            self.writer
                .change(move |file| record::schedule(file, id, next)),
        )
    }

    fn edit(&self, id: ListingId, key_hash: String, edit: Edit, now: UnixTime) -> Outcome<'_, ()> {
        let change = move |file: &_| listings::edit(file, id, &key_hash, &edit, now);
        Box::pin(self.writer.change(change))
    }

    fn remove(&self, id: ListingId, key_hash: Option<String>) -> Outcome<'_, ()> {
        let change = move |file: &_| listings::remove(file, id, key_hash.as_deref());
        Box::pin(self.writer.change(change))
    }

    fn open_claim(&self, claim: Claim, now: UnixTime) -> Outcome<'_, ()> {
        Box::pin(
            self.writer
                .change(move |file| owner::open_claim(file, &claim, now)),
        )
    }

    fn claim(&self, nonce: String, now: UnixTime) -> Outcome<'_, Option<Claim>> {
        Box::pin(
            self.readers
                .read(move |file| owner::claim(file, &nonce, now)),
        )
    }

    fn set_owner(
        &self,
        id: ListingId,
        before: Option<String>,
        owner: Option<Owner>,
        claim: Option<String>,
        now: UnixTime,
    ) -> Outcome<'_, ()> {
        let change = OwnerChange {
            before,
            owner,
            claim,
        };
        Box::pin(
            self.writer
                .change(move |file| owner::set_owner(file, id, &change, now)),
        )
    }

    fn stale_owners(&self, before: UnixTime, limit: u32) -> Outcome<'_, Vec<Listing>> {
        Box::pin(
            self.readers
                .read(move |file| owner::stale(file, before, limit)),
        )
    }

    fn add_review(&self, review: Review) -> Outcome<'_, ()> {
        Box::pin(self.writer.change(move |file| review::add(file, &review)))
    }

    fn reviews(&self, id: ListingId, all: bool) -> Outcome<'_, Vec<Review>> {
        Box::pin(self.readers.read(move |file| review::of(file, id, all)))
    }

    fn judge_review(
        &self,
        id: ListingId,
        payment_hash: PaymentHash,
        fate: ReviewFate,
    ) -> Outcome<'_, ()> {
        let change = move |file: &_| review::judge(file, id, &payment_hash, &fate);
        Box::pin(self.writer.change(change))
    }

    fn hide(&self, id: ListingId, hidden: Option<Hidden>, now: UnixTime) -> Outcome<'_, ()> {
        let change = move |file: &_| moderation::hide(file, id, hidden.as_ref(), now);
        Box::pin(self.writer.change(change))
    }

    fn ban(&self, host: String, reason: Option<String>, now: UnixTime) -> Outcome<'_, ()> {
        let change = move |file: &_| moderation::ban(file, &host, reason.as_deref(), now);
        Box::pin(self.writer.change(change))
    }

    fn ban_of(&self, url: CanonicalUrl) -> Outcome<'_, Option<String>> {
        let ban = move |file: &_| Ok(moderation::ban_of(file, &host_of(&url))?);
        Box::pin(self.readers.read(ban))
    }

    fn banned(&self) -> Outcome<'_, Vec<(String, String)>> {
        Box::pin(self.readers.read(moderation::banned))
    }

    fn page(&self, after: Option<ListingId>, limit: u32) -> Outcome<'_, Vec<Listing>> {
        Box::pin(
            self.readers
                .read(move |file| read::page(file, after, limit)),
        )
    }

    fn prune(&self, now: UnixTime) -> Outcome<'_, ()> {
        Box::pin(self.writer.change(move |file| {
            owner::prune(file, now)?;
            Ok(read::prune(file, now)?)
        }))
    }

    fn backup<'a>(&'a self, to: &'a Path) -> Outcome<'a, ()> {
        let (from, to) = (self.path.clone(), to.to_owned());
        Box::pin(async move {
            let copied = tokio::task::spawn_blocking(move || sqlite::copy(&from, &to)).await;
            copied
                .map_err(|error| StoreError::Failed(error.to_string()))?
                .map_err(|error| StoreError::Failed(error.to_string()))
        })
    }
}
