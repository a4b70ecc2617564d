//! Limits of spending.

use l402::Msat;

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_one_percent_and_at_least_ten_sat() {
        let limits = Limits::default();
        assert_eq!(limits.max_fee(Msat::from_sat(50)), Msat::from_sat(10));
        assert_eq!(limits.max_fee(Msat::from_sat(5000)), Msat::from_sat(50));
        assert!(limits.max_fee(Msat::new(u64::MAX)) > Msat::from_sat(50));
    }
}
