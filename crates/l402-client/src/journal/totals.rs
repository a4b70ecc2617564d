//! The sums of the journal that a hook is told.

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::params;

use super::store::Store;

/// The rolling window of a day, in seconds.
const DAY_SECS: u64 = 24 * 60 * 60;

/// Sums of the journal: what was paid, with fees, and what may still go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpentTotals {
    /// The sum of 24 hours, a rolling window.
    pub day: Msat,
    /// The part of it at the origin of this payment.
    pub origin_day: Msat,
    /// The part of it whose outcome is not known yet, of any age.
    pub open: Msat,
}

impl Store {
    /// Returns the sums that count at `now` without the purchase `hash`, of which `origin` is the place.
    /// They count what the limit of a day counts.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn totals(
        &mut self,
        origin: &str,
        hash: &PaymentHash,
        now: UnixTime,
    ) -> rusqlite::Result<SpentTotals> {
        let begin = now.secs().saturating_sub(DAY_SECS);
        let mut rows = self.db().prepare_cached(
            "SELECT max(amount_msat, paid_msat), fee_msat, origin = ?2, \
             state IN ('intent', 'unknown') FROM purchase WHERE payment_hash <> ?3 \
             AND (state IN ('intent', 'unknown') \
             OR (state IN ('paid', 'paid_no_proof', 'refused', 'served') AND paid_at > ?1))",
        )?;
        let mut rows = rows.query(params![begin, origin, hash.as_bytes()])?;
        let mut totals = SpentTotals::default();
        while let Some(row) = rows.next()? {
            let cost = Msat::new(row.get(0)?).saturating_add(Msat::new(row.get(1)?));
            let [is_here, is_open] = [row.get(2)?, row.get(3)?];
            // Each payment counts in up to three sums.
            let counted: [(bool, &mut Msat); 3] = [
                (true, &mut totals.day),
                (is_here, &mut totals.origin_day),
                (is_open, &mut totals.open),
            ];
            for (_, sum) in counted.into_iter().filter(|(counts, _)| *counts) {
                *sum = sum.saturating_add(cost);
            }
        }
        Ok(totals)
    }
}
