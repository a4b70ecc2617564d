//! A search.

/// A search over all registries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// Words that describe the service. They are told to every registry.
    pub(crate) text: String,
    /// A category, in the words of the registries.
    pub(crate) category: Option<String>,
    /// The most that a request may cost by the registry's word, in sat. Services without a price in sat
    /// are left out then.
    pub(crate) max_price_sat: Option<u64>,
    /// The most services that are returned, in all.
    pub(crate) limit: usize,
}

impl Query {
    /// Returns how many services to ask a registry for: more than the limit if some are left out here.
    pub(super) fn page(&self) -> usize {
        match (&self.category, self.max_price_sat) {
            (None, None) => self.limit,
            _ => (self.limit * 3).min(50),
        }
    }
}
