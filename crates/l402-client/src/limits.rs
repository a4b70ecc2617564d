//! Limits on what may be spent: their names, their amounts, and what one call adds to them.

use std::time::Duration;

use l402::Msat;

/// One of the limits on what is spent. All of them count fees, and windows are rolling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BudgetLimit {
    /// The most that may be spent in all, from the first payment in the journal on.
    InAll,
    /// The most that 30 days may cost.
    Per30Days,
    /// The most that 24 hours may cost.
    PerDay,
    /// The most that 60 minutes may cost.
    PerHour,
    /// The most that 24 hours may cost at one origin: scheme, host and port of a server.
    PerOrigin,
    /// The most that 24 hours may pay to one payee: the node that signs the invoices.
    PerPayee,
    /// The most that one request may cost.
    PerRequest,
}

/// Name, window and words of each limit, in the order in which a person reads them.
const TABLE: [(BudgetLimit, &str, Option<Duration>, &str); 7] = {
    use BudgetLimit::{InAll, Per30Days, PerDay, PerHour, PerOrigin, PerPayee, PerRequest};
    const HOUR: Duration = Duration::from_secs(60 * 60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const DAYS_30: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    [
        (PerRequest, "per_request", None, ""),
        (
            PerOrigin,
            "per_origin",
            Some(DAY),
            " in 24 hours at one server",
        ),
        (PerPayee, "per_payee", Some(DAY), " in 24 hours to one node"),
        (PerHour, "per_hour", Some(HOUR), " in 60 minutes"),
        (PerDay, "per_day", Some(DAY), " in 24 hours"),
        (Per30Days, "per_30_days", Some(DAYS_30), " in 30 days"),
        (InAll, "in_all", None, " in all"),
    ]
};

impl BudgetLimit {
    /// Every limit, in the order in which a person reads them: from one request to all time.
    pub const ALL: [Self; 7] = {
        let mut all = [Self::InAll; 7];
        let mut at = 0;
        while at < all.len() {
            all[at] = TABLE[at].0;
            at += 1;
        }
        all
    };

    /// Returns the name for texts, files and JSON: `per_request`, `per_origin`, `per_payee`,
    /// `per_hour`, `per_day`, `per_30_days`, `in_all`.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE[self.at()].1
    }

    /// Returns the limit of a name, or `None` if there is none of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut rows = TABLE.into_iter();
        rows.find(|row| row.1 == name).map(|row| row.0)
    }

    /// Returns the rolling window in which payments count, or `None` if the limit has no window:
    /// [`BudgetLimit::PerRequest`] counts one payment, [`BudgetLimit::InAll`] counts all.
    #[must_use]
    pub fn window(self) -> Option<Duration> {
        TABLE[self.at()].2
    }

    /// Returns the words for the window and what it counts, with a space before them.
    pub(crate) fn phrase(self) -> &'static str {
        TABLE[self.at()].3
    }

    /// The amount of the limit if nobody has set any. Only a request and a day have one.
    const fn default(self) -> Option<Msat> {
        match self {
            Self::PerRequest => Some(Limits::DEFAULT_PER_REQUEST),
            Self::PerDay => Some(Limits::DEFAULT_PER_DAY),
            Self::InAll | Self::Per30Days | Self::PerHour | Self::PerOrigin | Self::PerPayee => {
                None
            }
        }
    }

    /// The row of the table.
    const fn at(self) -> usize {
        match self {
            Self::PerRequest => 0,
            Self::PerOrigin => 1,
            Self::PerPayee => 2,
            Self::PerHour => 3,
            Self::PerDay => 4,
            Self::Per30Days => 5,
            Self::InAll => 6,
        }
    }
}

impl std::fmt::Display for BudgetLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An amount for each [`BudgetLimit`], or none.
///
/// ```
/// use l402::Msat;
/// use l402_client::{BudgetLimit, BudgetLimits};
///
/// let limits = BudgetLimits::default().with(BudgetLimit::PerHour, Some(Msat::from_sat(100)));
/// assert_eq!(limits.of(BudgetLimit::PerHour), Some(Msat::from_sat(100)));
/// assert_eq!(limits.of(BudgetLimit::PerDay), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetLimits([Option<Msat>; 7]);

impl BudgetLimits {
    /// Returns the amount of a limit, or `None` if it is not set.
    #[must_use]
    pub const fn of(&self, which: BudgetLimit) -> Option<Msat> {
        self.0[which.at()]
    }

    /// Sets a limit, or takes it away. An amount over [`Msat::MAX`], all the bitcoin there can be, is
    /// lowered to it.
    #[must_use]
    pub fn with(mut self, which: BudgetLimit, most: Option<Msat>) -> Self {
        self.0[which.at()] = most.map(|most| most.min(Msat::MAX));
        self
    }

    /// Returns, limit by limit, the lower of two amounts, and the only one if there is one.
    #[must_use]
    pub fn narrowed(mut self, other: &Self) -> Self {
        for (most, other) in self.0.iter_mut().zip(other.0) {
            *most = lower(*most, other);
        }
        self
    }
}

/// Returns the lower of two limits, each of which may be absent.
fn lower(one: Option<Msat>, other: Option<Msat>) -> Option<Msat> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The limits that a client adds to those of its budget, and what it lets routing cost.
///
/// They hold beside the limits that are stored for the [`Budget`](crate::Budget), and never raise
/// one. They count all that is spent from the root of the budget, so that no choice of a budget goes
/// round them.
///
/// Where neither these nor the root budget say anything, a request may cost 1,000 sat and 24 hours
/// 10,000 sat.
///
/// ```
/// use l402::Msat;
/// use l402_client::{BudgetLimit, Limits};
///
/// let limits = Limits::default()
///     .with_per_request(Msat::from_sat(100))
///     .with_per_origin(Msat::from_sat(500));
/// assert_eq!(limits.of(BudgetLimit::PerRequest), Some(Msat::from_sat(100)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    most: BudgetLimits,
    ceiling: BudgetLimits,
    /// The most that routing may cost on top of an amount, in parts per million of the amount.
    /// 10,000 (1 %) by default.
    pub max_fee_ppm: u32,
    /// The fee that is allowed in any case, even if the share is less. 10 sat by default.
    pub min_fee_allowance: Msat,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            most: BudgetLimits::default(),
            ceiling: BudgetLimits::default(),
            max_fee_ppm: 10_000,
            min_fee_allowance: Msat::from_sat(10),
        }
    }
}

impl Limits {
    /// The most that one request may cost if no limit of a request is set: 1,000 sat.
    pub const DEFAULT_PER_REQUEST: Msat = Msat::from_sat(1000);

    /// The most that 24 hours may cost if no limit of a day is set: 10,000 sat.
    pub const DEFAULT_PER_DAY: Msat = Msat::from_sat(10_000);

    /// Sets the most that one request may cost, amount plus fee.
    #[must_use]
    pub fn with_per_request(self, most: Msat) -> Self {
        self.with(BudgetLimit::PerRequest, most)
    }

    /// Sets the most that 24 hours may cost at one origin.
    #[must_use]
    pub fn with_per_origin(self, most: Msat) -> Self {
        self.with(BudgetLimit::PerOrigin, most)
    }

    /// Sets the most that 24 hours may pay to one payee, the node that signs the invoices.
    #[must_use]
    pub fn with_per_payee(self, most: Msat) -> Self {
        self.with(BudgetLimit::PerPayee, most)
    }

    /// Sets the most that 60 minutes may cost.
    #[must_use]
    pub fn with_per_hour(self, most: Msat) -> Self {
        self.with(BudgetLimit::PerHour, most)
    }

    /// Sets the most that 24 hours may cost.
    #[must_use]
    pub fn with_per_day(self, most: Msat) -> Self {
        self.with(BudgetLimit::PerDay, most)
    }

    /// Sets the most that 30 days may cost.
    #[must_use]
    pub fn with_per_30_days(self, most: Msat) -> Self {
        self.with(BudgetLimit::Per30Days, most)
    }

    /// Sets the most that may be spent in all.
    #[must_use]
    pub fn with_in_all(self, most: Msat) -> Self {
        self.with(BudgetLimit::InAll, most)
    }

    /// Sets one limit.
    #[must_use]
    pub fn with(mut self, which: BudgetLimit, most: Msat) -> Self {
        self.most = self.most.with(which, Some(most));
        self
    }

    /// Lowers limits, and raises none: neither one that is stored or set, nor the 1,000 sat and
    /// 10,000 sat that hold if none is set. For a configuration that its users must not widen.
    #[must_use]
    pub fn with_ceiling(mut self, ceiling: &BudgetLimits) -> Self {
        self.ceiling = self.ceiling.narrowed(ceiling);
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

    /// Returns a limit as far as this client sets one.
    #[must_use]
    pub fn of(&self, which: BudgetLimit) -> Option<Msat> {
        lower(self.most.of(which), self.ceiling.of(which))
    }

    /// Returns the limit that this client holds against all that its root budget has spent, if the
    /// root has `stored` for it.
    pub(crate) fn beside(&self, which: BudgetLimit, stored: Option<Msat>) -> Option<Msat> {
        let most = self.most.of(which);
        // The default stands in for what nobody has set. A ceiling sets nothing, or it would raise
        // the default.
        let most = if stored.is_none() {
            most.or(which.default())
        } else {
            most
        };
        lower(most, self.ceiling.of(which))
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

    #[test]
    fn each_limit_has_its_row_and_its_name() {
        for (at, limit) in BudgetLimit::ALL.into_iter().enumerate() {
            assert_eq!(limit.at(), at);
            assert_eq!(BudgetLimit::from_name(limit.name()), Some(limit));
        }
        assert_eq!(BudgetLimit::from_name("per_year"), None);
    }

    #[test]
    fn a_client_narrows_what_is_stored_and_a_ceiling_never_raises_the_default() {
        let (day, sat) = (BudgetLimit::PerDay, Msat::from_sat);
        let beside = |limits: Limits, stored: Option<u64>| {
            limits.beside(day, stored.map(sat)).map(Msat::ceil_sat)
        };
        let none = Limits::default();
        let set = |amount| none.with_per_day(sat(amount));
        let ceiling = |limits: Limits, amount| {
            limits.with_ceiling(&BudgetLimits::default().with(day, Some(sat(amount))))
        };
        // Nothing is stored: a flag takes the place of the default, a ceiling only lowers.
        assert_eq!(beside(none, None), Some(10_000));
        assert_eq!(beside(set(50_000), None), Some(50_000));
        assert_eq!(beside(ceiling(none, 50_000), None), Some(10_000));
        assert_eq!(beside(ceiling(none, 500), None), Some(500));
        assert_eq!(beside(ceiling(set(50_000), 500), None), Some(500));
        assert_eq!(beside(ceiling(set(100), 500), None), Some(100));
        // Something is stored: it stands beside, whatever the client says.
        assert_eq!(beside(none, Some(50_000)), None);
        assert_eq!(beside(set(60_000), Some(50_000)), Some(60_000));
        assert_eq!(beside(ceiling(none, 500), Some(50_000)), Some(500));
        // Two ceilings are both kept, and a limit without a default has none.
        assert_eq!(beside(ceiling(ceiling(none, 500), 900), None), Some(500));
        assert_eq!(none.beside(BudgetLimit::InAll, None), None);
    }

    #[test]
    fn no_limit_is_over_all_bitcoin() {
        let limits = BudgetLimits::default().with(BudgetLimit::InAll, Some(Msat::new(u64::MAX)));
        assert_eq!(limits.of(BudgetLimit::InAll), Some(Msat::MAX));
    }
}
