//! A ledger in a file, copied into an empty database.

use std::path::Path;

use l402_host::PostgresUrl;
use l402_host::postgres::{Blocking, PostgresError, Target, migrate};
use rusqlite::Connection;
use tokio_postgres::Transaction;

use super::postgres::{STEPS, signed};
use super::sqlite::export::{self, Payment};
use super::{LedgerError, LedgerMark};

/// The payments that one statement carries.
const AT_ONCE: usize = 1000;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Payments, with their counts.
    pub payments: u64,
    /// Revocations.
    pub revocations: u64,
    /// Entries of the books.
    pub entries: u64,
}

/// Copies a ledger with its payments, keys, revocations, id and epoch into an empty database, in one
/// transaction, in which `also` copies what stands beside the ledger and returns its number of entries.
/// No process may have the file open; what ended ones hold is given back first. Blocks.
///
/// `commits` and `told` are those of [`copy_to_postgres`](crate::books::copy_to_postgres).
///
/// # Errors
/// [`LedgerError`] if the file is in use or cannot be read, if there is a ledger in the database, and those of
/// `also` and `commits`. Then nothing was copied.
pub(crate) fn copy_with(
    from: &Path,
    to: &PostgresUrl,
    also: impl AsyncFnOnce(&Transaction<'_>) -> Result<u64, PostgresError>,
    commits: impl FnOnce(LedgerMark) -> Result<(), std::io::Error>,
    mut told: impl FnMut(u64),
) -> Result<Copied, LedgerError> {
    let file = export::open(from)?;
    // Until the copy is durable: a revocation that somebody writes meanwhile would be in the file alone.
    let held = file.execute_batch("BEGIN IMMEDIATE");
    held.map_err(|error| super::sqlite::file::failed(from, &error))?;
    let place = to.to_string();
    let failed = |error: PostgresError| LedgerError::database(&place, error);
    let target = Target::read(to).map_err(failed)?;
    let mut connection = Blocking::new(target).map_err(failed)?;
    let copied = connection.run(async |client, _| {
        // Empty tables of this version, if nobody has made them yet.
        migrate(client, "ledger", STEPS).await?;
        let tx = client.transaction().await.map_err(lost)?;
        refuse_used(&tx).await?;
        let mut copied = Copied::default();
        copy_payments(&file, &tx, &mut |so_far| {
            copied.payments = so_far;
            told(so_far);
        })
        .await?;
        copy_keys(&file, &tx).await?;
        copied.revocations = copy_revocations(&file, &tx).await?;
        copied.entries = also(&tx).await?;
        let mark = copy_identity(&file, &tx).await?;
        commits(mark).map_err(|error| PostgresError::local(&error))?;
        tx.commit().await.map_err(lost)?;
        Ok(copied)
    });
    copied.map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn lost(error: tokio_postgres::Error) -> PostgresError {
    PostgresError::of_statement(&error)
}

fn unreadable(error: rusqlite::Error) -> PostgresError {
    PostgresError::local(&format!("the file cannot be read: {error}"))
}

/// Refuses a database in which somebody has sold already. The row is locked, so that nobody begins meanwhile.
async fn refuse_used(tx: &Transaction<'_>) -> Result<(), PostgresError> {
    let sql = "SELECT id IS NOT NULL OR EXISTS (SELECT FROM l402_payments) \
               OR EXISTS (SELECT FROM l402_keys) OR EXISTS (SELECT FROM l402_revocations) \
               FROM l402_ledger FOR UPDATE";
    let is_used: bool = tx.query_one(sql, &[]).await.map_err(lost)?.get(0);
    if is_used {
        return Err(PostgresError::local(
            &"there is a ledger in it already; name an empty database",
        ));
    }
    Ok(())
}

async fn copy_payments(
    file: &Connection,
    tx: &Transaction<'_>,
    told: &mut dyn FnMut(u64),
) -> Result<(), PostgresError> {
    // The file does not hold the total of a payment. The next reservation writes the real one.
    let sql = "INSERT INTO l402_payments \
               SELECT hash, used, 0, attempts, failures, expires, greatest(used, 1), 1, 0 \
               FROM unnest($1::bytea[], $2::bigint[], $3::integer[], $4::integer[], $5::bigint[]) \
               AS p (hash, used, attempts, failures, expires)";
    let insert = tx.prepare(sql).await.map_err(lost)?;
    let mut all = export::Payments::of(file).map_err(unreadable)?;
    let mut so_far = 0;
    loop {
        let some = all.next(AT_ONCE).map_err(unreadable)?;
        if some.is_empty() {
            return Ok(());
        }
        let hashes: Vec<&[u8]> = some.iter().map(|one| one.hash.as_slice()).collect();
        let column =
            |of: fn(&Payment) -> u64| -> Vec<i64> { some.iter().map(of).map(signed).collect() };
        let (used, ends) = (column(|one| one.used), column(|one| one.expires));
        let small = |of: fn(&Payment) -> u32| -> Vec<i32> {
            some.iter()
                .map(|one| i32::try_from(of(one)).unwrap_or(i32::MAX))
                .collect()
        };
        let (attempts, failures) = (small(|one| one.attempts), small(|one| one.failures));
        tx.execute(&insert, &[&hashes, &used, &attempts, &failures, &ends])
            .await
            .map_err(lost)?;
        so_far += some.len() as u64;
        told(so_far);
    }
}

async fn copy_keys(file: &Connection, tx: &Transaction<'_>) -> Result<(), PostgresError> {
    // A handful, so one statement each.
    for key in export::keys(file).map_err(unreadable)? {
        let sql = "INSERT INTO l402_keys (number, fingerprint, began, until, revoked, waits) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let (number, fingerprint) = (i32::from(key.number), key.fingerprint.as_slice());
        tx.execute(
            sql,
            &[
                &number,
                &fingerprint,
                &key.began,
                &key.until,
                &key.revoked,
                &key.waits,
            ],
        )
        .await
        .map_err(lost)?;
    }
    Ok(())
}

async fn copy_revocations(file: &Connection, tx: &Transaction<'_>) -> Result<u64, PostgresError> {
    let sql = "INSERT INTO l402_revocations (number, kind, subject, before, revoked, ends) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let insert = tx.prepare(sql).await.map_err(lost)?;
    let mut copied = 0;
    let mut last = 0;
    loop {
        let some = export::revocations(file, last).map_err(unreadable)?;
        let Some(newest) = some.last() else {
            break;
        };
        // By their number, which is how gateways read them, too.
        last = newest.number;
        for one in &some {
            let subject = one.subject.as_slice();
            tx.execute(
                &insert,
                &[
                    &one.number,
                    &one.kind,
                    &subject,
                    &one.before,
                    &one.revoked,
                    &one.ends,
                ],
            )
            .await
            .map_err(lost)?;
            copied += 1;
        }
    }
    // The next one is counted from the last.
    let sql = "SELECT setval(pg_get_serial_sequence('l402_revocations', 'number'), greatest($1::bigint, 1), $1::bigint > 0)";
    tx.query_one(sql, &[&last]).await.map_err(lost)?;
    Ok(copied)
}

/// Writes which ledger it is, last of all.
async fn copy_identity(
    file: &Connection,
    tx: &Transaction<'_>,
) -> Result<LedgerMark, PostgresError> {
    let mut identity = super::sqlite::identity::read(file).map_err(unreadable)?;
    // Ahead of the file: a start on that finds itself older, and is refused.
    identity.epoch = identity.epoch.saturating_add(1);
    let (Some(id), Some(number), Some(mark)) = (identity.id, identity.number, identity.mark())
    else {
        return Err(PostgresError::local(
            &"no gateway has sold with the file yet",
        ));
    };
    let sql =
        "UPDATE l402_ledger SET id = $1, epoch = $2, latest = $3, number = $4, uses_from = $5";
    let (number, from) = (i32::from(number.0), i32::from(identity.uses_from.0));
    let (epoch, latest) = (signed(identity.epoch), signed(identity.latest.secs()));
    tx.execute(
        sql,
        &[&id.as_bytes().as_slice(), &epoch, &latest, &number, &from],
    )
    .await
    .map_err(lost)?;
    Ok(mark)
}
