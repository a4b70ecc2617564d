//! The revocations of the register, kept in memory.

use std::sync::Arc;

use l402_server::ledger::LedgerError;
use l402_server::ledger::register::Register;
use l402_server::revoked::{Revocation, Revoked};

use super::spread::Follow;

/// The number of revocations that are read at once: some 2 MiB, and one short look at the ledger.
const AT_ONCE: u32 = 10_000;

/// Fills the set that every paid request asks.
#[derive(Debug)]
pub(super) struct FollowRevocations {
    revoked: Arc<Revoked>,
    /// The last one that is in the set, with its number.
    last: Option<(i64, Revocation)>,
}

impl FollowRevocations {
    /// Begins with the first revocation of all.
    pub(super) fn new(revoked: Arc<Revoked>) -> Self {
        Self {
            revoked,
            last: None,
        }
    }

    /// Returns the number after which the set lacks what the ledger has. An earlier copy that took its place
    /// gives numbers once more that were read already: then it is read from the beginning.
    fn known_up_to(&self, register: &dyn Register) -> Result<i64, LedgerError> {
        let Some(last) = &self.last else {
            return Ok(0);
        };
        // The row itself tells, at the price of one: an epoch would have to be compared at the same moment.
        let same = register.revoked_after(last.0 - 1, 1)?;
        if same.first() == Some(last) {
            return Ok(last.0);
        }
        tracing::warn!("the revocations are others than before; all of them are read again");
        Ok(0)
    }
}

impl Follow for FollowRevocations {
    fn follow(&mut self, register: &dyn Register) -> Result<(), LedgerError> {
        let from = self.known_up_to(register)?;
        let (mut after, mut last, mut count) = (from, None, 0);
        loop {
            let mut some = register.revoked_after(after, AT_ONCE)?;
            some.iter().for_each(|(_, one)| self.revoked.add(&one.what));
            count += some.len();
            let Some(newest) = some.pop() else {
                break;
            };
            after = newest.0;
            last = Some(newest);
        }
        if count > 0 {
            tracing::info!(count, after = from, "revocations taken over");
        }
        if last.is_some() || from == 0 {
            self.last = last;
        }
        Ok(())
    }
}
