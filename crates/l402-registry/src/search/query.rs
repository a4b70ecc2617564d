//! A search: words, filters, order and page.

use l402::{Msat, Network};

use super::Cursor;
use crate::listing::{Form, State};

/// The most listings of one page.
pub(crate) const PAGE_MAX: u32 = 200;

/// A search over the listings that are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Words of the name, the description, the tags and the path; empty for all listings. At most 200
    /// characters count. No word of it has a meaning of its own, whatever the store understands.
    pub text: String,
    /// What the listings must have.
    pub filter: Filter,
    /// The order.
    pub sort: Sort,
    /// The number of listings, 1 to 200; 50 by default.
    pub limit: u32,
    /// The place after which the page begins.
    pub after: Option<Cursor>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            text: String::new(),
            filter: Filter::default(),
            sort: Sort::default(),
            limit: 50,
            after: None,
        }
    }
}

/// What listings must have; a part that is empty or `None` asks for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// One of these states.
    pub states: Vec<State>,
    /// An observed price of at least this.
    pub price_from: Option<Msat>,
    /// An observed price of at most this.
    pub price_to: Option<Msat>,
    /// This category or one below it: `ai` holds `ai/images`.
    pub category: Option<String>,
    /// The network of the observed invoice.
    pub network: Option<Network>,
    /// One of these forms.
    pub forms: Vec<Form>,
    /// A client of this name can pay it.
    pub client: Option<String>,
    /// A proven owner.
    pub owned: bool,
    /// A paid probe that worked.
    pub works_when_paid: bool,
    /// The signing node, 33 bytes.
    pub node: Option<[u8; 33]>,
    /// The host.
    pub host: Option<String>,
}

/// The order of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sort {
    /// The best fit of the words first, those with all words in name and tags first; the newest first if there are no
    /// words. Of very many matches a store may rank the newest alone, 1,000 or more, and end after them.
    #[default]
    Relevance,
    /// The lowest observed price first; without one last.
    Price,
    /// The best uptime of 30 days first.
    Uptime,
    /// The fastest answer first.
    Latency,
    /// The newest first.
    Newest,
}

impl Sort {
    /// Every order, for lists and tests.
    pub const ALL: [Self; 5] = [
        Self::Relevance,
        Self::Price,
        Self::Uptime,
        Self::Latency,
        Self::Newest,
    ];

    /// Returns the word of the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Price => "price",
            Self::Uptime => "uptime",
            Self::Latency => "latency",
            Self::Newest => "newest",
        }
    }

    /// Returns the order with this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}
