//! This ledger as a holder of reservations, and what other holders have left behind.

use std::time::Duration;

use l402_host::postgres::PostgresError;
use tokio_postgres::Client;

/// The time after which others may give back what this ledger holds, by the database's clock; the pause
/// between two renewals; and the time that this process believes in its lease, from the moment before it
/// has asked for it. What it still serves then can be in nobody else's hands yet.
const LEASE_SECS: i32 = 10;
pub(super) const RENEW: Duration = Duration::from_secs(3);
pub(super) const BELIEVE: Duration = Duration::from_secs(7);

/// The time that the row of an ended holder stays, so that what it had sent before its end and what
/// arrives late is found and given back.
const KEEP_SECS: i32 = 3600;

/// Becomes a holder.
pub(super) async fn register(client: &Client, name: &str) -> Result<i64, PostgresError> {
    let mut random = [0; 8];
    // Without randomness the number would be somebody else's.
    getrandom::fill(&mut random).map_err(|error| PostgresError::local(&error))?;
    // Random and not counted: a number that comes back would inherit what another has left behind.
    let holder = i64::from_le_bytes(random) & i64::MAX;
    let sql = "INSERT INTO l402_gateways (holder, name, lease_until) \
               VALUES ($1, $2, now() + make_interval(secs => $3))";
    client
        .execute(sql, &[&holder, &name, &f64::from(LEASE_SECS)])
        .await
        .map_err(|error| PostgresError::of_statement(&error))?;
    Ok(holder)
}

/// Renews the lease. Returns false if the holder has been ended by others.
pub(super) async fn renew(client: &Client, holder: i64) -> Result<bool, PostgresError> {
    let sql = "UPDATE l402_gateways SET lease_until = now() + make_interval(secs => $2) \
               WHERE holder = $1 AND NOT ended";
    let renewed = client
        .execute(sql, &[&holder, &f64::from(LEASE_SECS)])
        .await
        .map_err(|error| PostgresError::of_statement(&error))?;
    Ok(renewed == 1)
}

/// Ends this holder: what it still holds is given back by whoever looks next.
pub(super) async fn end(client: &Client, holder: i64) -> Result<(), PostgresError> {
    let sql = "UPDATE l402_gateways SET ended = true WHERE holder = $1";
    let ended = client.execute(sql, &[&holder]).await;
    ended
        .map(drop)
        .map_err(|error| PostgresError::of_statement(&error))
}

/// Ends the holders whose lease has run out, and gives back what ended ones hold: without a trace, since
/// neither buyer nor upstream has failed. Returns how many reservations went back.
pub(super) async fn reap(client: &Client) -> Result<u64, PostgresError> {
    let failed = |error: tokio_postgres::Error| PostgresError::of_statement(&error);
    let sql = "UPDATE l402_gateways SET ended = true WHERE NOT ended AND lease_until < now()";
    client.execute(sql, &[]).await.map_err(failed)?;
    let given_back = client.execute(GIVE_BACK, &[]).await.map_err(failed)?;
    let sql = "DELETE FROM l402_gateways \
               WHERE ended AND lease_until < now() - make_interval(secs => $1)";
    client
        .execute(sql, &[&f64::from(KEEP_SECS)])
        .await
        .map_err(failed)?;
    Ok(given_back)
}

/// Gives back what has no living holder: one that has ended, or whose row was even forgotten when a statement
/// of its came late. A holder is written before it reserves, so whoever sees a reservation of a living one
/// sees the holder too. Locks in the order in which a settle does.
const GIVE_BACK: &str = "
    WITH held AS (
        SELECT r.payment_hash, r.holder, r.number FROM l402_reservations AS r
        WHERE NOT EXISTS (
            SELECT FROM l402_gateways AS g WHERE g.holder = r.holder AND NOT g.ended
        )
        ORDER BY r.payment_hash, r.holder, r.number FOR UPDATE OF r
    ), gone AS (
        DELETE FROM l402_reservations AS r USING held AS h
        WHERE r.payment_hash = h.payment_hash AND r.holder = h.holder AND r.number = h.number
        RETURNING r.payment_hash, r.units
    ), change AS (
        SELECT payment_hash, sum(units)::bigint AS units FROM gone GROUP BY payment_hash
    ), locked AS (
        SELECT p.payment_hash FROM l402_payments AS p JOIN change USING (payment_hash)
        ORDER BY p.payment_hash FOR UPDATE OF p
    )
    UPDATE l402_payments AS p SET reserved = p.reserved - c.units
    FROM change AS c, locked AS l
    WHERE p.payment_hash = c.payment_hash AND p.payment_hash = l.payment_hash AND c.units > 0";
