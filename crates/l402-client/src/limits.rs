//! Limits on what one request and one day may cost.

use l402::Msat;

/// Limits on what may be spent, fees included. Both hold at once.
///
/// ```
/// use l402::Msat;
/// use l402_client::Limits;
/// let limits = Limits::default().with_per_request(Msat::from_sat(100));
/// assert_eq!(limits.per_day, Msat::from_sat(10_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

/// One of the [`Limits`] on what is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BudgetLimit {
    /// [`Limits::per_day`].
    PerDay,
    /// [`Limits::per_request`].
    PerRequest,
}

impl BudgetLimit {
    /// Name for texts and JSON: `per_day`, `per_request`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PerDay => "per_day",
            Self::PerRequest => "per_request",
        }
    }
}

impl std::fmt::Display for BudgetLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
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
    /// Sets the most that one request may cost, amount plus fee.
    #[must_use]
    pub const fn with_per_request(mut self, most: Msat) -> Self {
        self.per_request = most;
        self
    }

    /// Sets the most that 24 hours may cost.
    #[must_use]
    pub const fn with_per_day(mut self, most: Msat) -> Self {
        self.per_day = most;
        self
    }

    /// Sets the most that routing may cost: a share of the amount in parts per million, and an
    /// amount that is allowed whatever the share comes to.
    #[must_use]
    pub const fn with_max_fee(mut self, ppm: u32, at_least: Msat) -> Self {
        self.max_fee_ppm = ppm;
        self.min_fee_allowance = at_least;
        self
    }

    /// The fee that a payment of `amount` may cost, before either limit lowers it.
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
