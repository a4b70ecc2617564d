//! What may be spent.

use l402::Msat;

use crate::Error;

/// Limits on what may be spent, fees included. Both hold at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most one request may cost (amount plus fee). 1,000 sat by default.
    pub per_request: Msat,
    /// The most that 24 hours may cost, a rolling window. 10,000 sat by default.
    pub per_day: Msat,
    /// The most that routing may cost on top of an amount: a share in parts per million, 1 %
    /// (10,000) by default, ...
    pub max_fee_ppm: u32,
    /// ...and never less allowed than this. 10 sat by default.
    pub min_fee_allowance: Msat,
}

/// The rolling window of [`Limits::per_day`], in seconds.
pub(crate) const WINDOW_SECS: u64 = 24 * 60 * 60;

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_request: Msat::from_sat(1000),
            per_day: Msat::from_sat(10_000),
            max_fee_ppm: 10_000,
            min_fee_allowance: Msat::from_sat(10),
        }
    }
}

impl Limits {
    /// The fee that a payment of `amount` may cost, before either limit lowers it.
    #[must_use]
    pub fn max_fee(&self, amount: Msat) -> Msat {
        let share = u128::from(amount.msat()) * u128::from(self.max_fee_ppm) / 1_000_000;
        let share = Msat::new(u64::try_from(share).unwrap_or(u64::MAX));
        share.max(self.min_fee_allowance)
    }

    /// The fee limit to pay `amount` with, where `spent` has been spent or reserved within the
    /// window. The amount is never lowered; the fee is lowered to what the limits leave.
    pub(crate) fn allow(&self, amount: Msat, spent: Msat) -> Result<Msat, Error> {
        let wanted = self.max_fee(amount);
        let cost = amount.saturating_add(wanted);
        let left_today = self.per_day.checked_sub(spent).unwrap_or(Msat::ZERO);
        let rules = [
            ("per_request", self.per_request, self.per_request),
            ("per_day", self.per_day, left_today),
        ];
        rules
            .into_iter()
            .try_fold(wanted, |fee, (which, limit, left)| {
                let room =
                    left.checked_sub(amount)
                        .ok_or(Error::OverBudget { cost, limit, which })?;
                Ok(fee.min(room))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_by(verdict: Result<Msat, Error>) -> &'static str {
        match verdict {
            Err(Error::OverBudget { which, .. }) => which,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_fee_is_one_percent_and_at_least_ten_sat() {
        let limits = Limits::default();
        assert_eq!(limits.max_fee(Msat::from_sat(50)), Msat::from_sat(10));
        assert_eq!(limits.max_fee(Msat::from_sat(5000)), Msat::from_sat(50));
        assert!(limits.max_fee(Msat::new(u64::MAX)) > Msat::from_sat(50));
    }

    #[test]
    fn only_the_fee_gives_way() {
        let limits = Limits::default();
        let allow = |amount, spent| limits.allow(Msat::new(amount), Msat::new(spent));
        assert_eq!(allow(50_000, 0).unwrap(), Msat::from_sat(10));
        assert_eq!(allow(995_000, 0).unwrap(), Msat::from_sat(5));
        assert_eq!(allow(1_000_000, 0).unwrap(), Msat::ZERO);
        assert_eq!(refused_by(allow(1_000_001, 0)), "per_request");
        assert_eq!(allow(50_000, 9_949_999).unwrap(), Msat::new(1));
        assert_eq!(allow(50_000, 9_950_000).unwrap(), Msat::ZERO);
        assert_eq!(refused_by(allow(50_000, 9_950_001)), "per_day");
        assert_eq!(refused_by(allow(1, u64::MAX)), "per_day");
        assert_eq!(refused_by(allow(u64::MAX, u64::MAX)), "per_request");
    }
}
