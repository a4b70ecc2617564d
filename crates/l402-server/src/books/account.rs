//! What the entries of one payment say together, to the millisatoshi.

use l402::{Msat, PaymentHash, UnixTime};

use super::{Entry, Kind, Terms};

/// The account of one payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The payment.
    pub payment_hash: Option<PaymentHash>,
    /// The amount that arrived and the time at which the books learnt it. `None` if the books have no
    /// settlement of it: it was paid before they began, or at a node that they do not read.
    pub received: Option<(Msat, UnixTime)>,
    /// The terms; `None` until the books know what was sold.
    pub terms: Option<Terms>,
    /// Units that are spent, corrections included. Below 0 or above the units of the terms only if
    /// something is wrong.
    pub spent: i64,
    /// Uses that were served.
    pub uses: u64,
    /// Uses that were given back.
    pub given_back: u64,
    /// Units that corrections have added or taken.
    pub corrected: i64,
    /// The times of the first and the last entry.
    pub times: Option<(UnixTime, UnixTime)>,
}

impl Account {
    /// Takes in an entry of this payment.
    pub(super) fn take(&mut self, entry: &Entry) {
        self.payment_hash = entry.payment_hash;
        let (first, last) = self.times.unwrap_or((entry.time, entry.time));
        self.times = Some((first.min(entry.time), last.max(entry.time)));
        if let Some(terms) = &entry.terms {
            let known = self.terms.get_or_insert_with(|| terms.clone());
            // A holder cannot make it later than it was minted, and a clock may have been behind.
            known.ends = known.ends.max(terms.ends);
        }
        self.spent = self.spent.saturating_add(entry.spent);
        match entry.kind {
            Kind::Payment => self.received = entry.msat.map(|msat| (msat, entry.time)),
            // Sold by time: all of it is spent by the first use.
            Kind::Use if entry.is_uncounted() => {
                self.uses += 1;
                self.spent = self.spent.max(1);
            }
            Kind::Use if entry.spent > 0 => self.uses += 1,
            Kind::Use => self.given_back += 1,
            Kind::Correction => self.corrected = self.corrected.saturating_add(entry.spent),
            Kind::Position | Kind::Missed | Kind::Carried | Kind::Floor => {}
        }
    }

    /// Returns true if the payment is one of ours: its terms are known, or the ledger has counted it.
    #[must_use]
    pub fn is_attributed(&self) -> bool {
        self.terms.is_some() || self.spent > 0
    }

    /// Returns the units that the payment has bought. As long as the terms are not known, those that are
    /// spent: what is left is told by the next use.
    #[must_use]
    pub fn units(&self) -> u64 {
        let spent = u64::try_from(self.spent).unwrap_or(0);
        let units = self.terms.as_ref().map_or(spent, |terms| terms.units);
        units.max(1)
    }

    /// Returns the amount that arrived, 0 if none did.
    #[must_use]
    pub fn sold(&self) -> Msat {
        self.received.map_or(Msat::new(0), |(msat, _)| msat)
    }

    /// Returns the part of the amount that the first `units` units have cost: `⌊amount × units / all⌋`.
    #[must_use]
    pub fn cost(&self, units: u64) -> Msat {
        cost_of(self.sold(), units, self.units())
    }

    /// Returns the part of the amount that is spent.
    #[must_use]
    pub fn spent_msat(&self) -> Msat {
        self.cost(u64::try_from(self.spent).unwrap_or(0))
    }

    /// Returns true if every token of the payment has ended. Without terms nobody knows.
    #[must_use]
    pub fn has_ended(&self, now: UnixTime) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.ends <= now)
    }

    /// Returns true if every unit that the payment has bought is spent.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        u64::try_from(self.spent).unwrap_or(0) >= self.units()
    }

    /// Returns true if the payment was never used.
    #[must_use]
    pub const fn is_unserved(&self) -> bool {
        self.received.is_some() && self.spent <= 0
    }
}

/// Returns the part of an amount that the first `units` of all units have cost: `⌊amount × units / all⌋`, so
/// that all of them together cost the amount. More than all count as all.
#[must_use]
pub fn cost_of(amount: Msat, units: u64, all: u64) -> Msat {
    let all = u128::from(all.max(1));
    let cost = u128::from(amount.msat()) * u128::from(units).min(all) / all;
    // Not above the amount, which is 64 bits wide.
    Msat::new(u64::try_from(cost).unwrap_or(u64::MAX))
}

/// Sums over accounts. `sold = spent + unspent + expired` by construction of each account;
/// `received = sold + unattributed` is what the verification shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Payments that are ours.
    pub payments: u64,
    /// Uses that were served.
    pub uses: u64,
    /// Uses that were given back.
    pub given_back: u64,
    /// Millisatoshi that arrived for what was sold.
    pub sold: u64,
    /// The part of it that is used up.
    pub spent: u64,
    /// The part that can still be used.
    pub unspent: u64,
    /// The part that was never used before its tokens ended.
    pub expired: u64,
    /// Payments of which nobody knows what they were for. They may be none of ours.
    pub unattributed_payments: u64,
    /// Millisatoshi of these.
    pub unattributed: u64,
    /// Payments that were used and whose settlement the books do not have.
    pub unsettled_payments: u64,
}

impl Totals {
    /// Returns the payments that arrived, those of which nobody knows what they were for among them.
    #[must_use]
    pub const fn all_payments(&self) -> u64 {
        self.payments.saturating_add(self.unattributed_payments)
    }

    /// Returns the millisatoshi of [`Totals::all_payments`].
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.sold.saturating_add(self.unattributed)
    }

    /// Adds an account as it is at `now`.
    pub fn add(&mut self, account: &Account, now: UnixTime) {
        let Some((received, _)) = account.received else {
            self.unsettled_payments += u64::from(account.spent > 0);
            return;
        };
        if !account.is_attributed() {
            self.unattributed_payments += 1;
            self.unattributed = self.unattributed.saturating_add(received.msat());
            return;
        }
        self.payments += 1;
        self.uses += account.uses;
        self.given_back += account.given_back;
        let (sold, spent) = (received.msat(), account.spent_msat().msat());
        self.sold = self.sold.saturating_add(sold);
        self.spent = self.spent.saturating_add(spent);
        let left = sold - spent;
        let ended = account.has_ended(now);
        let place = if ended {
            &mut self.expired
        } else {
            &mut self.unspent
        };
        *place = place.saturating_add(left);
    }

    /// Adds the sums of payments that were pruned.
    pub(super) fn carry(&mut self, entry: &Entry) {
        let (count, msat) = (entry.index.unwrap_or(0), entry.msat.map_or(0, Msat::msat));
        let Some(terms) = &entry.terms else {
            self.unattributed_payments += count;
            self.unattributed = self.unattributed.saturating_add(msat);
            return;
        };
        let spent = terms.price.msat().min(msat);
        self.payments += count;
        self.uses += u64::try_from(entry.spent).unwrap_or(0);
        self.sold = self.sold.saturating_add(msat);
        self.spent = self.spent.saturating_add(spent);
        self.expired = self.expired.saturating_add(msat - spent);
    }
}
