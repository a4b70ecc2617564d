//! The states of the keys in the database.

use std::collections::BTreeMap;

use l402::{KeyNumber, UnixTime};
use l402_host::postgres::PostgresError;
use tokio_postgres::{Error, IsolationLevel, Row, Transaction};

use super::PostgresRegister;
use crate::ledger::LedgerError;
use crate::ledger::register::reported;
use crate::ledger::register::{KeyBook, KeyReport, KeyState, KeyStates};

/// Who is alive and what each has reported stays as it is until the transaction ends. A gateway that
/// starts meanwhile waits, and reads the keys afterwards. The gateways come first: a renewal of a lease
/// takes nothing else. A machine that stands still in between must not keep all others from renewing: the
/// server ends its transaction long before their leases run out.
const ONE_WRITER: &str = "
    SET LOCAL synchronous_commit = on;
    SET LOCAL idle_in_transaction_session_timeout = '2s';
    LOCK TABLE l402_gateways IN SHARE MODE;
    SELECT 1 FROM l402_ledger FOR UPDATE;";

const TELL: &str = "SELECT pg_notify('l402', 'keys')";

impl KeyStates for PostgresRegister {
    fn key_book(&self) -> Result<KeyBook, LedgerError> {
        let book = self.with(async |client, _| {
            // One view of all the tables.
            let view = client.build_transaction().read_only(true);
            let view = view.isolation_level(IsolationLevel::RepeatableRead);
            let tx = view.start().await.map_err(failed)?;
            let book = read(&tx).await.map_err(failed)?;
            tx.rollback().await.map_err(failed)?;
            Ok(book)
        })?;
        book.ok_or_else(|| self.damaged())
    }

    fn change_keys(
        &self,
        decide: &mut dyn FnMut(&mut KeyBook) -> bool,
    ) -> Result<KeyBook, LedgerError> {
        let book = self.with(async |client, _| {
            let tx = client.transaction().await.map_err(failed)?;
            tx.batch_execute(ONE_WRITER).await.map_err(failed)?;
            let mut book = read(&tx).await.map_err(failed)?;
            let is_wanted = book.as_mut().is_some_and(&mut *decide);
            match &book {
                Some(book) if is_wanted => {
                    write(&tx, book).await.map_err(failed)?;
                    tx.commit().await.map_err(failed)?;
                }
                // Not left to the drop: the connection works only while it is asked, and would keep its
                // locks.
                _ => tx.rollback().await.map_err(failed)?,
            }
            Ok(book)
        })?;
        book.ok_or_else(|| self.damaged())
    }

    /// The time is the database's: a row ends with its lease, and the ledger forgets it.
    fn report_keys(&self, report: &KeyReport, _now: UnixTime) -> Result<(), LedgerError> {
        let keys = reported::write(&report.keys);
        self.with(async |client, _| {
            let tx = client.transaction().await.map_err(failed)?;
            let sql = "UPDATE l402_gateways SET name = $2, keys = $3 WHERE holder = $1";
            tx.execute(sql, &[&report.holder, &report.name, &keys])
                .await
                .map_err(failed)?;
            tx.execute(TELL, &[]).await.map_err(failed)?;
            tx.commit().await.map_err(failed)
        })
    }
}

fn failed(error: Error) -> PostgresError {
    PostgresError::of_statement(&error)
}

/// Reads all of it. `None` if a row holds what no version writes.
async fn read(tx: &Transaction<'_>) -> Result<Option<KeyBook>, Error> {
    let sql = "SELECT number, uses_from FROM l402_ledger";
    let ledger = tx.query_one(sql, &[]).await?;
    let sql = "SELECT number, fingerprint, began, until, revoked, waits FROM l402_keys";
    let rows = tx.query(sql, &[]).await?;
    let keys: Option<BTreeMap<_, _>> = rows.iter().map(state).collect();
    let sql = "SELECT holder, name, keys FROM l402_gateways \
               WHERE NOT ended AND lease_until > now() ORDER BY holder";
    let gateways = tx.query(sql, &[]).await?;
    let number = |number: i32| u16::try_from(number).map(KeyNumber).ok();
    let current = ledger.get::<_, Option<i32>>(0);
    let (Some(keys), Some(uses_from)) = (keys, number(ledger.get(1))) else {
        return Ok(None);
    };
    Ok(Some(KeyBook {
        current: current.and_then(number),
        uses_from,
        keys,
        gateways: gateways.iter().map(report).collect(),
    }))
}

fn state(row: &Row) -> Option<(KeyNumber, KeyState)> {
    let time = |secs: i64| UnixTime::from_secs(u64::try_from(secs).unwrap_or_default());
    let state = KeyState {
        fingerprint: row.get::<_, Vec<u8>>(1).try_into().ok()?,
        began: time(row.get(2)),
        until: row.get::<_, Option<i64>>(3).map(time),
        retired: row.get(4),
        waits: row.get(5),
    };
    let number = u16::try_from(row.get::<_, i32>(0)).ok()?;
    Some((KeyNumber(number), state))
}

fn report(row: &Row) -> KeyReport {
    KeyReport {
        holder: row.get(0),
        name: row.get(1),
        keys: reported::read(&row.get::<_, Vec<u8>>(2)),
    }
}

async fn write(tx: &Transaction<'_>, book: &KeyBook) -> Result<(), Error> {
    let current = book.current.map(|number| i32::from(number.0));
    tx.execute("UPDATE l402_ledger SET number = $1", &[&current])
        .await?;
    let sql = "INSERT INTO l402_keys (number, fingerprint, began, until, revoked, waits) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (number) \
               DO UPDATE SET fingerprint = $2, began = $3, until = $4, revoked = $5, waits = $6";
    let insert = tx.prepare(sql).await?;
    for (number, state) in &book.keys {
        let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 6] = [
            &i32::from(number.0),
            &state.fingerprint.as_slice(),
            &stored(state.began),
            &state.until.map(stored),
            &state.retired,
            &state.waits,
        ];
        tx.execute(&insert, &columns).await?;
    }
    tx.execute(TELL, &[]).await?;
    Ok(())
}

/// Returns seconds that fit into the database.
fn stored(time: UnixTime) -> i64 {
    i64::try_from(time.secs()).unwrap_or(i64::MAX)
}
