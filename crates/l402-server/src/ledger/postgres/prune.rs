//! The growth of the epoch, and the forgetting of payments that have ended.

use l402::{KeyNumber, UnixTime};
use l402_host::postgres::PostgresError;
use tokio_postgres::Client;

use super::reserve::{signed, unsigned};
use crate::ledger::{GRACE_SECS, LedgerId, LedgerIdentity};

/// The rows that one step looks at.
const STEP: i64 = 2000;

/// Adds 1 to the epoch, and moves the latest time forward to this one. Returns what stands there then.
pub(super) async fn grow(client: &Client, time: UnixTime) -> Result<LedgerIdentity, PostgresError> {
    let sql = "UPDATE l402_ledger SET epoch = epoch + 1, latest = greatest(latest, $1) \
               RETURNING id, epoch, latest, number, uses_from";
    let row = client
        .query_one(sql, &[&signed(time.secs())])
        .await
        .map_err(|error| PostgresError::of_statement(&error))?;
    Ok(identity(&row))
}

/// Reads the columns `id, epoch, latest, number, uses_from`.
pub(in crate::ledger) fn identity(row: &tokio_postgres::Row) -> LedgerIdentity {
    let number = |number: i32| KeyNumber(u16::try_from(number).unwrap_or_default());
    let id = row.get::<_, Option<Vec<u8>>>(0);
    LedgerIdentity {
        id: id
            .and_then(|id| id.try_into().ok())
            .map(LedgerId::from_bytes),
        epoch: unsigned(row.get(1)),
        latest: UnixTime::from_secs(unsigned(row.get(2))),
        number: row.get::<_, Option<i32>>(3).map(number),
        uses_from: number(row.get(4)),
        fingerprints: std::collections::BTreeMap::new(),
    }
}

/// Forgets the payments among the next ones after `hand` that ended two hours before `latest`. Returns the
/// new place of the hand; empty after the last payment.
pub(super) async fn forget(
    client: &Client,
    hand: &[u8],
    latest: UnixTime,
) -> Result<Vec<u8>, PostgresError> {
    let failed = |error: tokio_postgres::Error| PostgresError::of_statement(&error);
    let sql = "SELECT payment_hash FROM l402_payments WHERE payment_hash > $1 \
               ORDER BY payment_hash LIMIT 1 OFFSET $2";
    let row = client
        .query_opt(sql, &[&hand, &STEP])
        .await
        .map_err(failed)?;
    let next: Option<Vec<u8>> = row.map(|row| row.get(0));
    // Two hours later than its tokens: a clock that was wrong by an hour must not make a spent use fresh.
    let ended = signed(latest.secs().saturating_sub(GRACE_SECS));
    // A payment that somebody is at is left for the next round, so that nobody waits in a circle.
    let sql = "WITH ended AS ( \
                   SELECT payment_hash FROM l402_payments WHERE payment_hash > $1 \
                   AND ($2::bytea IS NULL OR payment_hash <= $2) AND expires <= $3 AND reserved = 0 \
                   FOR UPDATE SKIP LOCKED \
               ) DELETE FROM l402_payments AS p USING ended WHERE p.payment_hash = ended.payment_hash";
    client
        .execute(sql, &[&hand, &next, &ended])
        .await
        .map_err(failed)?;
    Ok(next.unwrap_or_default())
}
