//! A store in a new folder, and values to put into it.

use std::future::Future;

use l402::{Msat, Network, PaymentHash, UnixTime};
use l402_registry::{
    CanonicalUrl, Claim, Evidence, Form, Health, Listing, ListingId, NewListing, Observed, Owner,
    OwnerProof, Probed, Query, Review, SqliteStore, State, Store, StoreError, Words, WordsFrom,
};
use tempfile::TempDir;

/// An hour, in seconds.
pub(crate) const HOUR: u64 = 3600;

/// The time at which the tests begin: the begin of a day.
pub(crate) const START: u64 = 20_000 * 24 * HOUR;

/// Returns a time so many seconds after the begin.
pub(crate) fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(START + secs)
}

/// A store with the folder that it lies in.
pub(crate) struct World {
    pub(crate) store: SqliteStore,
    pub(crate) folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl World {
    /// Makes a store.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        Self {
            store: SqliteStore::open(&folder.path().join("registry.db")).expect("a store"),
            folder,
            runtime,
        }
    }

    /// Opens the same file once more.
    pub(crate) fn again(&self) -> SqliteStore {
        SqliteStore::open(&self.folder.path().join("registry.db")).expect("the store again")
    }

    /// Waits for a call.
    pub(crate) fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }

    /// Waits for a call that must not fail.
    pub(crate) fn done<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> T {
        self.wait(call).expect("a call of the store")
    }

    /// Adds a listing that somebody has submitted.
    pub(crate) fn add(&self, url: &str) -> ListingId {
        self.add_new(submitted(url))
    }

    /// Adds a listing.
    pub(crate) fn add_new(&self, new: NewListing) -> ListingId {
        self.done(self.store.add(vec![new], at(0)))[0].id()
    }

    /// Records probes in this order. All of them wait at once, so that the disk is waited for seldom.
    pub(crate) fn record_all(&self, id: ListingId, probes: impl IntoIterator<Item = Probed>) {
        self.record_many(probes.into_iter().map(|it| (id, it)));
    }

    /// Records probes of several listings, as [`Self::record_all`] does.
    pub(crate) fn record_many(&self, probes: impl IntoIterator<Item = (ListingId, Probed)>) {
        self.wait(async {
            let mut tasks = tokio::task::JoinSet::new();
            for (id, probed) in probes {
                let store = self.store.clone();
                tasks.spawn(async move { store.record(id, probed).await });
            }
            for outcome in tasks.join_all().await {
                outcome.expect("it is recorded");
            }
        });
    }

    /// Returns a listing that must be there.
    pub(crate) fn listing(&self, id: ListingId) -> Listing {
        self.done(self.store.listing(id)).expect("a listing")
    }

    /// Returns the names that a search finds, all pages together.
    pub(crate) fn find(&self, query: Query) -> Vec<ListingId> {
        let mut query = query;
        let mut all = Vec::new();
        loop {
            let found = self.done(self.store.search(query.clone()));
            all.extend(found.listings.iter().map(|it| it.id));
            let Some(next) = found.next else { return all };
            query.after = Some(next);
        }
    }

    /// Returns the names that these words find.
    pub(crate) fn find_text(&self, text: &str) -> Vec<ListingId> {
        self.find(Query {
            text: text.to_owned(),
            ..Query::default()
        })
    }

    /// Makes somebody the owner.
    pub(crate) fn own(&self, id: ListingId, key_hash: &str) {
        let owner = Some(owner(key_hash));
        self.done(self.store.set_owner(id, None, owner, None, at(0)));
    }
}

/// Returns the canonical form of an address.
pub(crate) fn url(text: &str) -> CanonicalUrl {
    text.parse().expect("a URL")
}

/// Returns a listing as somebody submits it: its name is the last part of its path.
pub(crate) fn submitted(text: &str) -> NewListing {
    let url = url(text);
    let name = url.url().path().rsplit('/').next().unwrap_or_default();
    NewListing {
        method: "GET".to_owned(),
        words: Words {
            name: name.to_owned(),
            ..Words::default()
        },
        words_from: WordsFrom::Submitted,
        no_probe: false,
        url,
    }
}

/// Returns an owner by a file.
pub(crate) fn owner(key_hash: &str) -> Owner {
    Owner {
        proof: OwnerProof::File,
        key_hash: key_hash.to_owned(),
        node: None,
        since: at(0),
        checked: at(0),
        failed: 0,
    }
}

/// Returns a claim that lasts for 72 hours.
pub(crate) fn claim(listing: ListingId, nonce: &str) -> Claim {
    Claim {
        nonce: nonce.to_owned(),
        listing,
        proof: OwnerProof::Dns,
        key_hash: "k".repeat(64),
        until: at(72 * HOUR),
    }
}

/// Returns the state after a probe at this time; the next one comes 15 minutes later.
pub(crate) fn health(state: State, secs: u64) -> Health {
    Health {
        state,
        reason: None,
        since: at(secs),
        failures: 0,
        last_probe: Some(at(secs)),
        next_probe: Some(at(secs + 900)),
    }
}

/// Returns a probe that found the service up at this price.
pub(crate) fn seen_up(secs: u64, price_msat: u64) -> Probed {
    Probed {
        at: at(secs),
        health: health(State::Up, secs),
        observed: Some(observed(secs, price_msat)),
        no_probe: false,
    }
}

/// Returns a probe that failed, the third in a row.
pub(crate) fn seen_down(secs: u64) -> Probed {
    Probed {
        at: at(secs),
        health: Health {
            failures: 3,
            ..health(State::Down, secs)
        },
        observed: None,
        no_probe: false,
    }
}

/// Returns what a probe saw, every part of it filled.
pub(crate) fn observed(secs: u64, price_msat: u64) -> Observed {
    Observed {
        at: at(secs),
        price: Some(Msat::new(price_msat)),
        network: Some(Network::Signet),
        expiry_secs: Some(600),
        node: Some([2; 33]),
        payment_hash: Some(PaymentHash::from_bytes([7; 32])),
        hash_matches: Some(true),
        forms: vec![Form::L402, Form::Payment],
        clients: vec!["l402".to_owned(), "lnget".to_owned()],
        latency_ms: 120,
        tls_until: Some(at(90 * 24 * HOUR)),
        evidence: Evidence {
            method: "GET".to_owned(),
            url: "https://a.example/joke".to_owned(),
            status: 402,
            challenges: vec!["L402 macaroon=\"…\"".to_owned()],
            invoice: Some("lntbs1".to_owned()),
            findings: vec![(
                "hash".to_owned(),
                "sound".to_owned(),
                "they agree".to_owned(),
            )],
        },
    }
}

/// Returns a review, with a payment hash of this byte.
pub(crate) fn review(listing: ListingId, byte: u8, secs: u64) -> Review {
    Review {
        payment_hash: PaymentHash::from_bytes([byte; 32]),
        listing,
        at: at(secs),
        invoice_at: at(0),
        paid: Msat::from_sat(50),
        stars: 4,
        text: "It works.".to_owned(),
        answer: None,
        abuse: 0,
        counts: true,
        hidden: false,
    }
}
