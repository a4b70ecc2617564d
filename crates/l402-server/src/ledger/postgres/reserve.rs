//! The statement that reserves.

use l402_host::postgres::PostgresError;
use tokio_postgres::{Client, Statement};

use super::batch::Queued;
use crate::ledger::{Reservation, ReserveError, Tally};

/// Reserves for many requests at once. Rows are met in the order of their hashes, so that two gateways never
/// wait for each other. A payment gets as many whole requests as its units suffice for, and the first ones
/// of it become rows of `l402_reservations`.
const RESERVE: &str = "
    WITH asked AS (
        SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
            WITH ORDINALITY AS a (payment_hash, total, size, expires, number, place)
    ), wanted AS (
        SELECT payment_hash, min(total) AS total, min(size) AS size, max(expires) AS expires,
            least(count(*), min(total) / min(size)) * min(size) AS units
        FROM asked GROUP BY payment_hash
    ), granted AS (
        INSERT INTO l402_payments AS p
            (payment_hash, used, reserved, attempts, failures, expires, total, size, granted)
        SELECT payment_hash, 0, units, 0, 0, expires, total, size, units
        FROM wanted ORDER BY payment_hash
        ON CONFLICT (payment_hash) DO UPDATE SET
            granted = least(excluded.granted,
                greatest(0, excluded.total - p.used - p.reserved) / excluded.size * excluded.size),
            reserved = p.reserved + least(excluded.granted,
                greatest(0, excluded.total - p.used - p.reserved) / excluded.size * excluded.size),
            expires = greatest(p.expires, excluded.expires),
            total = excluded.total,
            size = excluded.size
        RETURNING payment_hash, granted, used, reserved, attempts, failures
    ), placed AS (
        INSERT INTO l402_reservations (payment_hash, holder, number, units)
        SELECT a.payment_hash, $6, a.number, a.size
        FROM (SELECT *, row_number() OVER (PARTITION BY payment_hash ORDER BY place) AS nth
              FROM asked) AS a
        JOIN granted AS g USING (payment_hash) WHERE a.nth <= g.granted / a.size
        ORDER BY a.payment_hash, a.number
    )
    SELECT payment_hash, granted, used, reserved, attempts, failures FROM granted";

/// The outcome of one request, in the order of the batch.
pub(super) type Outcome = Result<Reservation, ReserveError>;

/// Prepares the statement on a connection.
pub(super) async fn prepare(client: &Client) -> Result<Statement, tokio_postgres::Error> {
    client.prepare(RESERVE).await
}

/// Reserves for a batch. Durable when it returns.
pub(super) async fn reserve(
    client: &Client,
    statement: &Statement,
    holder: i64,
    batch: &[Queued],
) -> Result<Vec<Outcome>, PostgresError> {
    let hashes: Vec<_> = batch.iter().map(Queued::payment).collect();
    let hashes: Vec<&[u8]> = hashes
        .iter()
        .map(|hash| hash.as_bytes().as_slice())
        .collect();
    let column =
        |of: fn(&Queued) -> u64| -> Vec<i64> { batch.iter().map(of).map(signed).collect() };
    let totals = column(|asked| asked.request.allowance().units().get());
    let sizes = column(|asked| asked.request.units().get());
    let ends = column(|asked| asked.request.allowance().expires().secs());
    let numbers: Vec<i64> = batch.iter().map(|asked| asked.number).collect();
    let rows = client
        .query(
            statement,
            &[&hashes, &totals, &sizes, &ends, &numbers, &holder],
        )
        .await
        .map_err(|error| PostgresError::of_statement(&error))?;
    let mut payments: Vec<PaymentRow> = rows.iter().map(PaymentRow::read).collect();
    Ok(batch
        .iter()
        .map(|asked| outcome(&mut payments, asked))
        .collect())
}

/// The row of a payment after the statement.
struct PaymentRow {
    hash: Vec<u8>,
    /// Units that the statement has reserved and no request has got yet.
    granted: u64,
    reserved: u64,
    tally: Tally,
}

impl PaymentRow {
    fn read(row: &tokio_postgres::Row) -> Self {
        Self {
            hash: row.get(0),
            granted: unsigned(row.get(1)),
            reserved: unsigned(row.get(3)),
            tally: Tally {
                used: unsigned(row.get(2)),
                attempts: u32::try_from(row.get::<_, i32>(4)).unwrap_or(u32::MAX),
                failures: u32::try_from(row.get::<_, i32>(5)).unwrap_or(u32::MAX),
            },
        }
    }
}

/// Gives a request its part of what its payment got, or the reason why it has none.
fn outcome(payments: &mut [PaymentRow], asked: &Queued) -> Outcome {
    let hash = asked.payment();
    // A batch has few payments with several requests, so a search costs less than a map.
    let found = payments
        .iter_mut()
        .find(|payment| payment.hash == hash.as_bytes());
    let Some(payment) = found else {
        return Err(ReserveError::Unavailable(
            "it names no such payment".to_owned(),
        ));
    };
    let units = asked.request.units();
    // In the order in which they asked: the statement has made rows of the first ones, too.
    if let Some(rest) = payment.granted.checked_sub(units.get()) {
        payment.granted = rest;
        // What later requests of the statement got was free when this one got its own.
        let beside = payment.reserved.saturating_sub(rest);
        let total = asked.request.allowance().units().get();
        let left = total
            .saturating_sub(payment.tally.used)
            .saturating_sub(beside);
        let number = u64::try_from(asked.number).unwrap_or(u64::MAX);
        return Ok(Reservation::new(number, units)
            .with_left(left)
            .with_failures(payment.tally.failures)
            .with_releases(payment.tally.attempts));
    }
    // The same rule as in the other ledgers says which of the two refusals it is.
    payment.tally.admit(&asked.request, payment.reserved)?;
    // The units that are free now were not when the statement looked.
    Err(ReserveError::InUse)
}

/// Writes a number as the database has it.
pub(in crate::ledger) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number of the database. None that this program writes is below zero.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
