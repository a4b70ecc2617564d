//! The interface of a store.

use std::path::Path;

use l402::{Msat, PaymentHash, UnixTime};
use l402_host::BoxFuture;

use super::StoreError;
use crate::listing::{
    CanonicalUrl, Edit, Health, Hidden, Listing, ListingId, NewListing, Observed, Owner,
    OwnerProof, PaidProbe, State, Uptime,
};
use crate::search::{Cursor, Query};

/// The outcome of adding a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New(ListingId),
    /// It was there. Words of a stronger source than the old ones have replaced them.
    Known(ListingId),
}

impl Added {
    /// Returns the name of the listing.
    #[must_use]
    pub fn id(self) -> ListingId {
        match self {
            Self::New(id) | Self::Known(id) => id,
        }
    }
}

/// A page of a search.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The listings.
    pub listings: Vec<Listing>,
    /// The place where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
    /// The number of listings that fit, counted to 10,000 at most.
    pub total: u64,
}

/// A category with the number of listings that are shown in it and below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// `ai/images`.
    pub name: String,
    /// The number of listings.
    pub count: u64,
}

/// The numbers of a registry, for its health and its home page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The listings that are shown.
    pub listings: u64,
    /// Of them, by state.
    pub by_state: Vec<(State, u64)>,
    /// The probes of the last 24 hours.
    pub probes_of_day: u64,
    /// The claims that an owner has proved.
    pub owned: u64,
}

/// A service whose probe is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The name.
    pub id: ListingId,
    /// The address.
    pub url: CanonicalUrl,
    /// The method of HTTP.
    pub method: String,
    /// The shape of the body, if one is known.
    pub request_schema: Option<crate::listing::RequestSchema>,
    /// The state before.
    pub health: Health,
    /// The node that signed the last invoice.
    pub node: Option<[u8; 33]>,
}

/// The outcome of one probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// The time of the probe.
    pub at: UnixTime,
    /// The new state and schedule.
    pub health: Health,
    /// What was seen; `None` keeps the last.
    pub observed: Option<Observed>,
    /// The mark that the host does not want probes (`robots.txt`).
    pub no_probe: bool,
}

/// A point of a listing's history. A new one begins if price, state or node differs from the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The time from which it was so.
    pub at: UnixTime,
    /// The state.
    pub state: State,
    /// The observed price.
    pub price: Option<Msat>,
    /// The node that signed.
    pub node: Option<[u8; 33]>,
    /// The code of the reason.
    pub reason: Option<String>,
}

/// A paid probe of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidPoint(pub PaidProbe);

/// The past of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The changes of price and state, the oldest first, at most 500.
    pub points: Vec<Point>,
    /// The hours of the last 30 days, the oldest first: the begin of the hour, probes, probes that found
    /// it up or degraded, and the median latency in milliseconds.
    pub hours: Vec<(UnixTime, u32, u32, Option<u32>)>,
    /// The paid probes, the oldest first, at most 100.
    pub paid: Vec<PaidPoint>,
    /// The uptime.
    pub uptime: Uptime,
}

/// A claim that waits for its proof, for 72 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The name of the claim: 32 hex digits, random.
    pub nonce: String,
    /// The listing.
    pub listing: ListingId,
    /// The proof that is to be given.
    pub proof: OwnerProof,
    /// The SHA-256 of the key that becomes the owner's, in hex.
    pub key_hash: String,
    /// The time after which it is void.
    pub until: UnixTime,
}

/// A review: the words of somebody who holds a paid invoice of the listing's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The payment hash of the invoice: one review a payment.
    pub payment_hash: PaymentHash,
    /// The listing.
    pub listing: ListingId,
    /// The time of the review.
    pub at: UnixTime,
    /// The time of the invoice.
    pub invoice_at: UnixTime,
    /// The amount of the invoice.
    pub paid: Msat,
    /// One to five.
    pub stars: u8,
    /// At most 1,000 characters. Not escaped.
    pub text: String,
    /// The answer of the owner, at most 1,000 characters.
    pub answer: Option<String>,
    /// The number of marks of abuse.
    pub abuse: u32,
    /// False for one of more than three a day of its listing: shown, not counted.
    pub counts: bool,
    /// True if a moderator has hidden it.
    pub hidden: bool,
}

/// A change of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewFate {
    /// Another mark of abuse.
    Abuse,
    /// The answer of the owner; `None` takes it back.
    Answer(Option<String>),
    /// Hides it, or shows it again.
    Hidden(bool),
}

/// A store of listings. Every change is durable when its future ends.
///
/// A wrong implementation shows a service as cheaper, better or somebody else's: what a call promises is
/// a transaction, and two calls at once never both succeed where one excludes the other.
pub trait Store: Send + Sync {
    /// Adds listings, in one transaction. What an owner has said is kept, and a weaker source replaces nothing. The same
    /// document or directory may be read again; of two strangers who submit, the first is heard. A listing of a
    /// banned host is added hidden.
    fn add(
        &self,
        new: Vec<NewListing>,
        now: UnixTime,
    ) -> BoxFuture<'_, Result<Vec<Added>, StoreError>>;

    /// Returns a listing, hidden ones included.
    fn listing(&self, id: ListingId) -> BoxFuture<'_, Result<Option<Listing>, StoreError>>;

    /// Finds listings that are shown.
    fn search(&self, query: Query) -> BoxFuture<'_, Result<Found, StoreError>>;

    /// Returns the categories, the largest first, at most 200.
    fn categories(&self) -> BoxFuture<'_, Result<Vec<Category>, StoreError>>;

    /// Returns the numbers of the registry.
    fn totals(&self, now: UnixTime) -> BoxFuture<'_, Result<Totals, StoreError>>;

    /// Returns the past of a listing.
    fn history(&self, id: ListingId, now: UnixTime) -> BoxFuture<'_, Result<History, StoreError>>;

    /// Returns listings whose probe is due, the longest overdue first. Hidden ones and ones that may not be
    /// probed are left out.
    fn due(&self, now: UnixTime, limit: u32) -> BoxFuture<'_, Result<Vec<Due>, StoreError>>;

    /// Returns what a probe of this listing needs to know, due or not.
    fn due_one(&self, id: ListingId) -> BoxFuture<'_, Result<Option<Due>, StoreError>>;

    /// Records a probe, and its place in the history. One that the host does not want counts for no uptime.
    fn record(&self, id: ListingId, probed: Probed) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Records a paid probe.
    fn record_paid(&self, id: ListingId, paid: PaidProbe) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Sets the time of the next probe.
    fn schedule(
        &self,
        id: ListingId,
        next: Option<UnixTime>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Changes a listing if its owner has this key; [`StoreError::Taken`] with another one.
    fn edit(
        &self,
        id: ListingId,
        key_hash: String,
        edit: Edit,
        now: UnixTime,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Removes a listing with all of its past; with a key, only if its owner has it and no moderator has hidden
    /// the listing: added again it would be shown. [`StoreError::Taken`] otherwise.
    fn remove(
        &self,
        id: ListingId,
        key_hash: Option<String>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Keeps a claim until it is proved or void. At most a hundred open claims a listing:
    /// [`StoreError::TooMany`]; the oldest makes room once it is an hour old.
    fn open_claim(&self, claim: Claim, now: UnixTime) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns a claim that is not void.
    fn claim(
        &self,
        nonce: String,
        now: UnixTime,
    ) -> BoxFuture<'_, Result<Option<Claim>, StoreError>>;

    /// Makes somebody the owner if the owner is still `before` (by the hash of the key), and deletes the claim.
    /// [`StoreError::Taken`] if the owner is another by now. Without an owner, words of the last one stay and
    /// count as [`WordsFrom::Submitted`](crate::WordsFrom::Submitted) from then on.
    fn set_owner(
        &self,
        id: ListingId,
        before: Option<String>,
        owner: Option<Owner>,
        claim: Option<String>,
        now: UnixTime,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns listings with an owner whose proof was not looked at since `before`, at most `limit`.
    fn stale_owners(
        &self,
        before: UnixTime,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Listing>, StoreError>>;

    /// Adds a review. [`StoreError::Taken`] if the payment hash has one. The store decides if it counts: three of
    /// any 24 hours do.
    fn add_review(&self, review: Review) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns the reviews of a listing, those that count first, and of each kind the newest, at most 100; hidden
    /// ones if `all`.
    fn reviews(&self, id: ListingId, all: bool) -> BoxFuture<'_, Result<Vec<Review>, StoreError>>;

    /// Changes a review of this listing.
    fn judge_review(
        &self,
        id: ListingId,
        payment_hash: PaymentHash,
        fate: ReviewFate,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Hides a listing, or shows it again.
    fn hide(
        &self,
        id: ListingId,
        hidden: Option<Hidden>,
        now: UnixTime,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Bans a host, with all names below it, or lifts the ban. Its listings are hidden with the reason, also
    /// those that come later or that [`Store::hide`] would show.
    fn ban(
        &self,
        host: String,
        reason: Option<String>,
        now: UnixTime,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns the reason why the host of an address is banned, by itself or by a name above it.
    fn ban_of(&self, url: CanonicalUrl) -> BoxFuture<'_, Result<Option<String>, StoreError>>;

    /// Returns the banned hosts, each with the reason.
    fn banned(&self) -> BoxFuture<'_, Result<Vec<(String, String)>, StoreError>>;

    /// Returns listings after this one in the order of their names, for an export. Hidden ones are left out.
    fn page(
        &self,
        after: Option<ListingId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Listing>, StoreError>>;

    /// Deletes what is older than is kept: hours of more than 31 days, void claims, and the uptimes of lists
    /// whose span has passed since the last probe.
    fn prune(&self, now: UnixTime) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Writes a consistent copy of everything to a new file, while the store is in use.
    fn backup<'a>(&'a self, to: &'a Path) -> BoxFuture<'a, Result<(), StoreError>>;
}
