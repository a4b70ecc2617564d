//! A paid service, as a registry describes it.

use url::Url;

use super::query::Query;

/// A paid service, as a registry describes it. Its texts are strangers'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// The name that its seller gave it.
    pub(crate) name: String,
    /// The description by its seller.
    pub(crate) description: String,
    /// The address, `http` or `https`, without user information.
    pub(crate) url: Url,
    /// The method of HTTP that it is asked with.
    pub(crate) method: &'static str,
    /// The price of a request in sat, rounded up. The invoice of the service is what counts.
    pub(crate) price_sat: Option<u64>,
    /// True if the registry read the price in an invoice of the service; false for the seller's own word.
    pub(crate) is_price_observed: bool,
    /// The proof by which somebody owns the entry, as the registry says; `None` if nobody does.
    pub(crate) owner_proof: Option<&'static str>,
    /// The category that the registry keeps it in.
    pub(crate) category: Option<String>,
    /// The state in which the registry last found it.
    pub(crate) health: Health,
    /// The names of the registries that list it.
    pub(crate) registries: Vec<String>,
}

/// The state in which a registry last found a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered as it should.
    Healthy,
    /// It answered, but not as it should.
    Degraded,
    /// The registry does not say.
    Unknown,
}

impl Health {
    /// Returns the word for results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
        }
    }
}

impl Service {
    /// Returns true if the service is within the price and the category of a search. A category holds those
    /// below it: `ai` holds `ai/images`.
    pub(super) fn fits(&self, query: &Query) -> bool {
        let is_cheap = match (query.max_price_sat, self.price_sat) {
            (None, _) => true,
            (Some(most), Some(price)) => price <= most,
            (Some(_), None) => false,
        };
        let is_of_category = query.category.as_ref().is_none_or(|wanted| {
            let wanted = wanted.to_lowercase();
            self.category.as_ref().is_some_and(|category| {
                let category = category.to_lowercase();
                let rest = category.strip_prefix(&*wanted);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        });
        is_cheap && is_of_category
    }

    /// Returns true if two registries describe the same thing.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let key = |it: &Self| {
            let path = it.url.path().trim_end_matches('/').to_owned();
            let query = it.url.query().map(str::to_owned);
            (
                it.method,
                it.url.host_str().map(str::to_owned),
                it.url.port(),
                path,
                query,
            )
        };
        key(self) == key(other)
    }
}
