//! Limits on what one request and one day may cost.

use l402::Msat;

/// Limits on what may be spent, fees included. All hold at once.
///
/// ```
/// use l402::Msat;
/// use l402_client::Limits;
///
/// let limits = Limits { per_day: Msat::from_sat(2000), ..Limits::default() };
/// assert_eq!(limits.max_fee(Msat::from_sat(5000)), Msat::from_sat(50), "1 %");
/// assert_eq!(limits.max_fee(Msat::from_sat(50)), Msat::from_sat(10), "the least allowance");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most one request may cost (amount plus fee). 1,000 sat by default.
    pub per_request: Msat,
    /// The most that 24 hours may cost, a rolling window. 10,000 sat by default.
    pub per_day: Msat,
    /// The most that routing may cost on top of an amount, in parts per million of the amount.
    /// 10,000 (1 %) by default.
    pub max_fee_ppm: u32,
    /// The fee that is allowed in any case, even if the share is less. 10 sat by default.
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
    /// Returns the fee that a payment of `amount` may cost, before the limits on a request and a day
    /// lower it.
    #[must_use]
    pub fn max_fee(&self, amount: Msat) -> Msat {
        // In 128 bits: a stranger's invoice names the amount, and a product that wraps would be a
        // wrong limit.
        let share = u128::from(amount.msat()) * u128::from(self.max_fee_ppm) / 1_000_000;
        let share = Msat::new(u64::try_from(share).unwrap_or(u64::MAX));
        // Each node on the route may ask a fixed fee beside its share, so one per cent of a few
        // satoshi would pay no route at all.
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
