//! The revocations in the file.

use rusqlite::TransactionBehavior;

use super::SqliteRegister;
use crate::ledger::LedgerError;
use crate::ledger::register::Revocations;
use crate::ledger::register::stored::Stored;
use crate::revoked::Revocation;

impl Revocations for SqliteRegister {
    fn revoke(&self, revocations: &[Revocation]) -> Result<Vec<bool>, LedgerError> {
        self.with(|db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let added = add(&tx, revocations)?;
            tx.commit()?;
            Ok(added)
        })
    }

    fn revoked_after(&self, after: i64, most: u32) -> Result<Vec<(i64, Revocation)>, LedgerError> {
        self.with(|db| {
            let sql = "SELECT number, kind, subject, before, revoked, ends FROM revocations \
                       WHERE number > ?1 ORDER BY number LIMIT ?2";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map((after, most), read)?;
            rows.collect()
        })
    }
}

fn add(tx: &rusqlite::Transaction<'_>, revocations: &[Revocation]) -> rusqlite::Result<Vec<bool>> {
    let sql = "INSERT INTO revocations (kind, subject, before, revoked, ends) \
               VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (kind, subject, before) DO NOTHING";
    let mut insert = tx.prepare_cached(sql)?;
    let added = revocations.iter().map(|revocation| {
        let row = Stored::of(revocation);
        let columns = (row.kind, row.subject, row.before, row.revoked, row.ends);
        Ok(insert.execute(columns)? > 0)
    });
    added.collect()
}

/// Reads a row. One that this version does not know is an error: it must not be taken for nothing.
fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Revocation)> {
    let number = row.get(0)?;
    let stored = Stored {
        kind: row.get(1)?,
        subject: row.get(2)?,
        before: row.get(3)?,
        revoked: row.get(4)?,
        ends: row.get(5)?,
    };
    let unknown = rusqlite::Error::IntegralValueOutOfRange(1, stored.kind);
    Ok((number, stored.read().ok_or(unknown)?))
}
