//! A listing with everything that is known of it.

use l402::{Msat, UnixTime};
use serde::{Deserialize, Serialize};

use super::{CanonicalUrl, Health, ListingId, Observed, Uptime, Words};

/// A listing. Its words are strangers'; the rest was seen by this registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// The name.
    pub id: ListingId,
    /// The address.
    pub url: CanonicalUrl,
    /// The method of HTTP that a buyer uses: GET, POST, PUT, PATCH or DELETE.
    pub method: String,
    /// The words of the one who listed it.
    pub words: Words,
    /// The source of the words.
    pub words_from: WordsFrom,
    /// The owner; `None` if nobody has proved to be.
    pub owner: Option<Owner>,
    /// The time when it was added.
    pub added: UnixTime,
    /// The last change of words, owner or moderation.
    pub changed: UnixTime,
    /// The mark that it is not shown.
    pub hidden: Option<Hidden>,
    /// True if the seller does not want it to be probed.
    pub no_probe: bool,
    /// State and schedule.
    pub health: Health,
    /// The last 402 that was seen.
    pub observed: Option<Observed>,
    /// The part of its probes that found it up.
    pub uptime: Uptime,
    /// The last paid probe.
    pub paid: Option<PaidProbe>,
    /// The reviews.
    pub reviews: ReviewCount,
}

impl Listing {
    /// Returns true if the price that is said differs from the one that was seen.
    #[must_use]
    pub fn is_price_wrong(&self) -> bool {
        let seen = self.observed.as_ref().and_then(|seen| seen.price);
        matches!((self.words.price.msat(), seen), (Some(said), Some(seen)) if said != seen)
    }
}

/// The source of the words of a listing, the weakest first: words of a stronger source replace those of
/// a weaker one, never the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordsFrom {
    /// Another directory.
    Imported,
    /// Somebody who submitted the address.
    Submitted,
    /// A document that lies at the listing's own origin.
    Document,
    /// The owner.
    Owner,
}

impl WordsFrom {
    /// Every source, for lists and tests.
    pub const ALL: [Self; 4] = [Self::Imported, Self::Submitted, Self::Document, Self::Owner];

    /// Returns the word of the API and the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Submitted => "submitted",
            Self::Document => "document",
            Self::Owner => "owner",
        }
    }
}

/// A listing that somebody adds.
#[derive(Clone, Debug, PartialEq)]
pub struct NewListing {
    /// The address.
    pub url: CanonicalUrl,
    /// The method of HTTP.
    pub method: String,
    /// The words.
    pub words: Words,
    /// Their source. Never [`WordsFrom::Owner`].
    pub words_from: WordsFrom,
    /// True if it is not to be probed.
    pub no_probe: bool,
}

/// A change by the owner. `None` leaves a part as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// The method of HTTP.
    pub method: Option<String>,
    /// All of the words anew.
    pub words: Option<Words>,
    /// The mark `no-probe`.
    pub no_probe: Option<bool>,
}

/// The proof by which somebody owns a listing, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerProof {
    /// The node that signs its invoices signed a nonce.
    Node,
    /// A DNS TXT record of its host.
    Dns,
    /// A file at its origin.
    File,
}

impl OwnerProof {
    /// Every proof, for lists and tests.
    pub const ALL: [Self; 3] = [Self::Node, Self::Dns, Self::File];

    /// Returns the word of the API and the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Dns => "dns",
            Self::File => "file",
        }
    }

    /// Returns true if the proof stands above that of a node's signature: control of the address itself.
    #[must_use]
    pub const fn is_of_address(self) -> bool {
        matches!(self, Self::Dns | Self::File)
    }
}

/// The owner of a listing. There is no account: the holder of the key is the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The proof.
    pub proof: OwnerProof,
    /// The SHA-256 of the owner's key, in hex. The key itself is never kept.
    pub key_hash: String,
    /// The node, if the proof is its signature, in hex.
    pub node: Option<String>,
    /// The time of the proof.
    pub since: UnixTime,
    /// The last look at the proof; it was found then if `failed` is 0.
    pub checked: UnixTime,
    /// The looks in a row, up to the last one, that did not find the proof. At three, nobody owns the
    /// listing.
    pub failed: u8,
}

/// The mark of a moderator that a listing is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// The reason, for the page of the listing.
    pub reason: String,
    /// The listing of which it is a copy, if it was merged.
    pub merged_into: Option<String>,
}

/// A purchase by the registry itself: its own word, and nobody's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidProbe {
    /// The time.
    pub at: UnixTime,
    /// True if the service answered 2xx after it was paid.
    pub works: bool,
    /// The amount that was paid.
    pub paid: Msat,
    /// From the payment to the answer, in milliseconds.
    pub latency_ms: u32,
    /// A sentence, if it does not work.
    pub reason: Option<String>,
}

/// The count of a listing's reviews.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReviewCount {
    /// The number of reviews that count.
    pub count: u32,
    /// The sum of their stars.
    pub stars: u32,
}
