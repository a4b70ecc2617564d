//! What was under way when a connection broke.
//!
//! The server may have done it, may be doing it, or may never have got it. A look would not tell the second
//! case from the third. So a reservation of no units is written under the same number: if that succeeds, the
//! one that was asked for is not there, and can never come, because its statement would fail on the key. If a
//! row stands there already, it was done.

use l402::PaymentHash;
use l402_host::postgres::PostgresError;
use tokio_postgres::Client;

use super::settle::{End, Owed};

/// Writes a reservation of no units in each place that is free, and returns the places that were. Waits for
/// a statement that is still about to write one of them.
const CLAIM: &str = "
    INSERT INTO l402_reservations (payment_hash, holder, number, units)
    SELECT payment_hash, holder, number, 0
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS d (payment_hash, holder, number)
    ORDER BY payment_hash, holder, number
    ON CONFLICT DO NOTHING RETURNING holder, number";

/// A reservation of which nobody knows if it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    pub(super) payment: PaymentHash,
    pub(super) holder: i64,
    pub(super) number: i64,
}

/// Finds out. Returns those that were made, to be given back: their callers have been told that
/// nothing was reserved.
pub(super) async fn resolve(client: &Client, doubts: &[Doubt]) -> Result<Vec<Owed>, PostgresError> {
    let hashes: Vec<&[u8]> = doubts
        .iter()
        .map(|one| one.payment.as_bytes().as_slice())
        .collect();
    let holders: Vec<i64> = doubts.iter().map(|one| one.holder).collect();
    let numbers: Vec<i64> = doubts.iter().map(|one| one.number).collect();
    let never = client
        .query(CLAIM, &[&hashes, &holders, &numbers])
        .await
        .map_err(|error| PostgresError::of_statement(&error))?;
    let never: Vec<(i64, i64)> = never.iter().map(|row| (row.get(0), row.get(1))).collect();
    // A row stood there: the statement was done, and nobody was told of what it reserved.
    let made = doubts
        .iter()
        .filter(|doubt| !never.contains(&(doubt.holder, doubt.number)));
    Ok(made
        .map(|doubt| Owed {
            payment: doubt.payment,
            holder: doubt.holder,
            number: doubt.number,
            end: End::Untold,
        })
        .collect())
}
