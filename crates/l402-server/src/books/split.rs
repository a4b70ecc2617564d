//! Sums of the payments that pruning removes, and the entries that have to stay.
//!
//! ```text
//!   a writer's entries:  1 2 3 4 | 5 6 …        4: the last one before which all are old
//!                        removed   stay
//!     of a payment that is finished ──▶ sums, one entry
//!     of one that still lives       ──▶ entered again, by the writer that prunes
//! ```

use l402::{Msat, UnixTime};

use super::{Account, Entry, Kind, Terms, Totals};

/// The payments as they come by, one after another.
pub(super) struct Split {
    now: UnixTime,
    account: Account,
    old: Vec<Entry>,
    has_new: bool,
    sums: Totals,
    stay: Vec<Entry>,
}

impl Split {
    pub(super) fn new(now: UnixTime) -> Self {
        Self {
            now,
            account: Account::default(),
            old: Vec::new(),
            has_new: false,
            sums: Totals::default(),
            stay: Vec::new(),
        }
    }

    /// Takes an entry; `is_old` if it goes.
    pub(super) fn take(&mut self, entry: Entry, is_old: bool) {
        if entry.kind == Kind::Carried {
            if is_old {
                self.sums.carry(&entry);
            }
            return;
        }
        if entry.payment_hash != self.account.payment_hash {
            self.decide();
        }
        self.account.take(&entry);
        if is_old {
            self.old.push(entry);
        } else {
            self.has_new = true;
        }
    }

    /// Decides about the payment that has come by.
    fn decide(&mut self) {
        let account = std::mem::take(&mut self.account);
        let has_new = std::mem::take(&mut self.has_new);
        let mut old = std::mem::take(&mut self.old);
        let lives = account.terms.is_some() && !account.has_ended(self.now);
        if has_new || lives {
            self.stay.append(&mut old);
        } else {
            // Without terms all that it has bought is spent.
            self.sums.add(&account, self.now);
        }
    }

    /// Returns the entries that carry on what goes: sums, and those of payments that stay.
    pub(super) fn end(mut self) -> Vec<Entry> {
        self.decide();
        let sums = self.sums;
        if sums.payments > 0 {
            let mut carried = self.carried(sums.payments, sums.sold);
            carried.spent = i64::try_from(sums.uses).unwrap_or(i64::MAX);
            carried.terms = Some(Terms {
                service: "".into(),
                route: "".into(),
                price: Msat::new(sums.spent),
                units: 1,
                ends: UnixTime::from_secs(0),
            });
            self.stay.push(carried);
        }
        if sums.unattributed_payments > 0 {
            let carried = self.carried(sums.unattributed_payments, sums.unattributed);
            self.stay.push(carried);
        }
        self.stay
    }

    fn carried(&self, payments: u64, msat: u64) -> Entry {
        let mut carried = Entry::new(Kind::Carried, self.now);
        carried.index = Some(payments);
        carried.msat = Some(Msat::new(msat));
        carried
    }
}
