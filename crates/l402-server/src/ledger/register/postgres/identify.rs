//! Which ledger the database is.

use l402::{KeyNumber, UnixTime};
use l402_host::postgres::PostgresError;
use tokio_postgres::{Error, Transaction};

use super::PostgresRegister;
use crate::ledger::postgres::identity;
use crate::ledger::register::Identify;
use crate::ledger::{LedgerError, LedgerId, LedgerIdentity};

impl Identify for PostgresRegister {
    fn identify(
        &self,
        now: UnixTime,
        decide: &mut dyn FnMut(&mut LedgerIdentity) -> bool,
    ) -> Result<LedgerIdentity, LedgerError> {
        self.with(async |client, _| {
            let failed = |error: Error| PostgresError::of_statement(&error);
            let tx = client.transaction().await.map_err(failed)?;
            let mut identity = read(&tx).await.map_err(failed)?;
            if decide(&mut identity) {
                write(&tx, &identity, now).await.map_err(failed)?;
                tx.commit().await.map_err(failed)?;
            } else {
                // Not left to the drop: the connection works only while it is asked, and would keep its lock.
                tx.rollback().await.map_err(failed)?;
            }
            Ok(identity)
        })
    }
}

/// Reads what the ledger says of itself, and keeps others from changing it until the transaction ends.
/// A machine that stands still meanwhile keeps them from it for two seconds.
async fn read(tx: &Transaction<'_>) -> Result<LedgerIdentity, Error> {
    tx.batch_execute("SET LOCAL idle_in_transaction_session_timeout = '2s'")
        .await?;
    let sql = "SELECT id, epoch, latest, number, uses_from FROM l402_ledger FOR UPDATE";
    let mut known = identity(&tx.query_one(sql, &[]).await?);
    let sql = "SELECT number, fingerprint FROM l402_keys";
    for row in tx.query(sql, &[]).await? {
        let (number, fingerprint) = (row.get::<_, i32>(0), row.get::<_, Vec<u8>>(1));
        if let (Ok(number), Ok(fingerprint)) = (u16::try_from(number), fingerprint.try_into()) {
            known.fingerprints.insert(KeyNumber(number), fingerprint);
        }
    }
    Ok(known)
}

/// Writes it. A fingerprint that is new is noted with this time. Those who listen are told.
async fn write(tx: &Transaction<'_>, known: &LedgerIdentity, now: UnixTime) -> Result<(), Error> {
    let id = known
        .id
        .as_ref()
        .map(LedgerId::as_bytes)
        .map(<[u8; 16]>::as_slice);
    let number = known.number.map(|number| i32::from(number.0));
    let (epoch, latest) = (signed(known.epoch), signed(known.latest.secs()));
    let from = i32::from(known.uses_from.0);
    // The database may commit asynchronously by default, and would forget this in a crash.
    tx.batch_execute("SET LOCAL synchronous_commit = on")
        .await?;
    let sql =
        "UPDATE l402_ledger SET id = $1, epoch = $2, latest = $3, number = $4, uses_from = $5";
    tx.execute(sql, &[&id, &epoch, &latest, &number, &from])
        .await?;
    // A fingerprint that is known already keeps the time at which it was first noted.
    for (number, fingerprint) in &known.fingerprints {
        let sql = "INSERT INTO l402_keys AS known (number, fingerprint, began) VALUES ($1, $2, $3) \
                   ON CONFLICT (number) DO UPDATE SET fingerprint = $2, began = $3 \
                   WHERE known.fingerprint <> $2";
        let number = i32::from(number.0);
        let columns = (&fingerprint.as_slice(), &signed(now.secs()));
        tx.execute(sql, &[&number, columns.0, columns.1]).await?;
    }
    tx.execute("SELECT pg_notify('l402', 'ledger')", &[])
        .await?;
    Ok(())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
