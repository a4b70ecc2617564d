//! The revocations in the database.

use l402_host::postgres::PostgresError;
use tokio_postgres::{Error, Row, Transaction};

use super::PostgresRegister;
use crate::ledger::LedgerError;
use crate::ledger::register::Revocations;
use crate::ledger::register::stored::Stored;
use crate::revoked::Revocation;

/// One writer at a time, so that numbers are seen in their order: a reader that has seen a number never
/// misses a lower one. Readers are not held up, nor others for long by a machine that stands still.
const ONE_WRITER: &str = "
    SET LOCAL synchronous_commit = on;
    SET LOCAL idle_in_transaction_session_timeout = '2s';
    LOCK TABLE l402_revocations IN SHARE ROW EXCLUSIVE MODE;";

impl Revocations for PostgresRegister {
    fn revoke(&self, revocations: &[Revocation]) -> Result<Vec<bool>, LedgerError> {
        self.with(async |client, _| {
            let failed = |error: Error| PostgresError::of_statement(&error);
            let tx = client.transaction().await.map_err(failed)?;
            let added = add(&tx, revocations).await.map_err(failed)?;
            tx.commit().await.map_err(failed)?;
            Ok(added)
        })
    }

    fn revoked_after(&self, after: i64, most: u32) -> Result<Vec<(i64, Revocation)>, LedgerError> {
        let rows = self.with(async |client, _| {
            let sql = "SELECT number, kind, subject, before, revoked, ends FROM l402_revocations \
                       WHERE number > $1 ORDER BY number LIMIT $2";
            let rows = client.query(sql, &[&after, &i64::from(most)]).await;
            rows.map_err(|error| PostgresError::of_statement(&error))
        })?;
        // A row that this version does not know must not be taken for nothing.
        let read = rows.iter().map(read).collect::<Option<_>>();
        read.ok_or_else(|| self.damaged())
    }
}

/// Adds those that are not there, and tells those who listen.
async fn add(tx: &Transaction<'_>, revocations: &[Revocation]) -> Result<Vec<bool>, Error> {
    tx.batch_execute(ONE_WRITER).await?;
    let sql = "INSERT INTO l402_revocations (kind, subject, before, revoked, ends) \
               VALUES ($1::bigint::integer, $2, $3, $4, $5) \
               ON CONFLICT (kind, subject, before) DO NOTHING";
    let insert = tx.prepare(sql).await?;
    let mut added = Vec::with_capacity(revocations.len());
    for revocation in revocations {
        let row = Stored::of(revocation);
        let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [
            &row.kind,
            &row.subject,
            &row.before,
            &row.revoked,
            &row.ends,
        ];
        added.push(tx.execute(&insert, &columns).await? > 0);
    }
    tx.execute("SELECT pg_notify('l402', 'revocations')", &[])
        .await?;
    Ok(added)
}

fn read(row: &Row) -> Option<(i64, Revocation)> {
    let stored = Stored {
        kind: row.get::<_, i32>(1).into(),
        subject: row.get(2),
        before: row.get(3),
        revoked: row.get(4),
        ends: row.get(5),
    };
    Some((row.get(0), stored.read()?))
}
