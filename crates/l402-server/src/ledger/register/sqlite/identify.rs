//! Which ledger the file is.

use l402::UnixTime;
use rusqlite::TransactionBehavior;

use super::SqliteRegister;
use crate::ledger::register::Identify;
use crate::ledger::sqlite::identity;
use crate::ledger::{LedgerError, LedgerIdentity};

impl Identify for SqliteRegister {
    fn identify(
        &self,
        now: UnixTime,
        decide: &mut dyn FnMut(&mut LedgerIdentity) -> bool,
    ) -> Result<LedgerIdentity, LedgerError> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        let mut connection = self.open()?;
        let tx = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let mut identity = identity::read(&tx).map_err(failed)?;
        if decide(&mut identity) {
            identity::write(&tx, &identity, now).map_err(failed)?;
            tx.commit().map_err(failed)?;
        }
        Ok(identity)
    }
}
