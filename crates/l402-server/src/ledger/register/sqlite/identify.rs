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
        self.with(|db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut identity = identity::read(&tx)?;
            if decide(&mut identity) {
                identity::write(&tx, &identity, now)?;
                tx.commit()?;
            }
            Ok(identity)
        })
    }
}
