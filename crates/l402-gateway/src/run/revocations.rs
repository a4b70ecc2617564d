//! The revocations of the register, kept in memory.

use std::sync::Arc;

use l402_server::ledger::LedgerError;
use l402_server::ledger::register::Register;
use l402_server::revoked::Revoked;

use super::spread::Follow;

/// The number of revocations that are read at once: some 2 MiB, and one short look at the ledger.
const AT_ONCE: u32 = 10_000;

/// Fills the set that every paid request asks.
#[derive(Debug)]
pub(super) struct FollowRevocations {
    revoked: Arc<Revoked>,
    /// The number of the last one that is in the set.
    last: i64,
}

impl FollowRevocations {
    /// Begins with the first revocation of all.
    pub(super) fn new(revoked: Arc<Revoked>) -> Self {
        Self { revoked, last: 0 }
    }
}

impl Follow for FollowRevocations {
    fn follow(&mut self, register: &dyn Register) -> Result<(), LedgerError> {
        let (from, mut count) = (self.last, 0);
        loop {
            let some = register.revoked_after(self.last, AT_ONCE)?;
            let Some((last, _)) = some.last() else {
                break;
            };
            some.iter().for_each(|(_, one)| self.revoked.add(&one.what));
            (self.last, count) = (*last, count + some.len());
        }
        if count > 0 {
            tracing::info!(count, after = from, "revocations taken over");
        }
        Ok(())
    }
}
