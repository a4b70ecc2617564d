//! The revocations of tokens by the time at which they were minted.

use std::collections::BTreeMap;

use l402::{KeyNumber, Service, UnixTime};

/// The times before which tokens must not have been minted, by service. `None` is every service.
#[derive(Clone, Debug, Default)]
pub(super) struct Times(BTreeMap<Option<Service>, Vec<Limit>>);

/// One such time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    before: UnixTime,
    /// The lowest key number that is free of it.
    spares: Option<KeyNumber>,
}

impl Limit {
    /// Returns true if this limit ends every token that `other` ends.
    fn includes(self, other: Self) -> bool {
        let spares_no_more = match (self.spares, other.spares) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(others)) => mine >= others,
        };
        self.before >= other.before && spares_no_more
    }
}

impl Times {
    /// Adds a time. One that another includes is left out, so that a seller who revokes each day
    /// keeps one.
    pub(super) fn add(
        &mut self,
        service: Option<Service>,
        before: UnixTime,
        spares: Option<KeyNumber>,
    ) {
        let new = Limit { before, spares };
        let limits = self.0.entry(service).or_default();
        if !limits.iter().any(|limit| limit.includes(new)) {
            limits.retain(|limit| !new.includes(*limit));
            limits.push(new);
        }
    }

    /// Returns true if a token of this service has ended, which was minted by this key and not before
    /// `minted`.
    pub(super) fn cover(&self, service: &Service, key: KeyNumber, minted: UnixTime) -> bool {
        let ends =
            |limit: &Limit| minted < limit.before && limit.spares.is_none_or(|spares| key < spares);
        self.0
            .iter()
            .filter(|(name, _)| name.as_ref().is_none_or(|name| name == service))
            .any(|(_, limits)| limits.iter().any(ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    #[test]
    fn a_time_holds_for_its_service_and_below_the_number_that_it_spares() {
        let [api, other]: [Service; 2] = ["api", "other"].map(|name| name.parse().unwrap());
        let mut times = Times::default();
        times.add(Some(api.clone()), at(100), Some(KeyNumber(5)));
        for (service, key, minted, ended) in [
            (&api, 4, 99, true),
            (&api, 4, 100, false),
            (&api, 5, 99, false),
            (&other, 4, 99, false),
        ] {
            assert_eq!(times.cover(service, KeyNumber(key), at(minted)), ended);
        }
        times.add(None, at(50), None);
        assert!(times.cover(&other, KeyNumber(9), at(49)));
        assert!(times.cover(&api, KeyNumber(9), at(49)));
        assert!(!times.cover(&other, KeyNumber(9), at(50)));
    }

    #[test]
    fn what_a_later_time_includes_is_left_out_and_nothing_else() {
        let mut times = Times::default();
        let count = |times: &Times| times.0.values().map(Vec::len).sum::<usize>();
        for number in 1..=50 {
            times.add(None, at(u64::from(number) * 10), Some(KeyNumber(number)));
        }
        assert_eq!(count(&times), 1);
        // A wider one with an earlier time: neither includes the other.
        times.add(None, at(20), None);
        assert_eq!(count(&times), 2);
        times.add(None, at(500), None);
        assert_eq!(count(&times), 1);
    }
}
