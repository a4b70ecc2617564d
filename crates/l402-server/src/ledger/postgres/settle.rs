//! The statement that settles.

use std::collections::HashMap;

use l402::PaymentHash;
use l402_host::postgres::PostgresError;
use tokio_postgres::{Client, Statement};

use super::reserve::signed;
use crate::ledger::{BUYER_RELEASES, Settle};

/// Settles many reservations at once, each at most once: one that is gone was settled before, or given back.
/// Reservations are locked in the order of their keys, and then payments in the order of their hashes, as
/// by all who give back: so nobody waits in a circle. Of a payment it may hold any number of commits, and
/// behind them one release (`how` 1 commit, 2 buyer, 3 upstream, 4 never told).
const SETTLE: &str = "
    WITH ends AS (
        SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::integer[], $5::bigint[])
            AS e (payment_hash, holder, number, how, spent)
    ), held AS (
        SELECT e.* FROM l402_reservations AS r JOIN ends AS e USING (payment_hash, holder, number)
        WHERE r.units > 0 ORDER BY payment_hash, holder, number FOR UPDATE OF r
    ), gone AS (
        DELETE FROM l402_reservations AS r USING held AS h
        WHERE r.payment_hash = h.payment_hash AND r.holder = h.holder AND r.number = h.number
        RETURNING r.payment_hash, r.units, h.how, least(h.spent, r.units) AS spent
    ), change AS (
        SELECT payment_hash, sum(units)::bigint AS units,
            (sum(spent) FILTER (WHERE how = 1))::bigint AS spent,
            bool_or(how = 1) AS committed,
            (sum(units) FILTER (WHERE how = 2))::bigint AS buyers,
            count(*) FILTER (WHERE how = 3) AS failed
        FROM gone GROUP BY payment_hash
    ), locked AS (
        SELECT p.payment_hash FROM l402_payments AS p JOIN change USING (payment_hash)
        ORDER BY p.payment_hash FOR UPDATE OF p
    )
    UPDATE l402_payments AS p SET
        reserved = p.reserved - c.units,
        used = p.used + coalesce(c.spent, 0)
            + CASE WHEN p.attempts >= $6 THEN coalesce(c.buyers, 0) ELSE 0 END,
        attempts = p.attempts
            + CASE WHEN c.buyers IS NOT NULL AND p.attempts < $6 THEN 1 ELSE 0 END,
        failures = CASE WHEN c.committed THEN 0 ELSE p.failures END + c.failed
    FROM change AS c, locked AS l
    WHERE p.payment_hash = c.payment_hash AND p.payment_hash = l.payment_hash";

/// The end of one reservation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    pub(super) payment: PaymentHash,
    pub(super) holder: i64,
    pub(super) number: i64,
    pub(super) end: End,
}

/// How a reservation ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// As its caller says.
    Settled(Settle),
    /// Its caller was never told of it, so it leaves no trace.
    Untold,
}

impl End {
    fn step(self) -> Step {
        match self {
            Self::Settled(Settle::Commit { .. }) => Step::Commit,
            Self::Settled(Settle::ReleaseUpstream) | Self::Untold => Step::Failure,
            Self::Settled(_) => Step::Last,
        }
    }

    /// The number of the kind, and the units that are spent.
    fn column(self) -> (i32, i64) {
        match self {
            Self::Settled(Settle::Commit { units }) => (1, signed(units)),
            Self::Settled(Settle::ReleaseBuyer) => (2, 0),
            Self::Settled(Settle::ReleaseUpstream) => (3, 0),
            Self::Untold => (4, 0),
        }
    }
}

/// Prepares the statement on a connection.
pub(super) async fn prepare(client: &Client) -> Result<Statement, tokio_postgres::Error> {
    client.prepare(SETTLE).await
}

/// Takes out of `owed` what goes into the next statement, at most so many, in their order. An end waits
/// for its turn if what it does hangs on an earlier one of its payment; those of other payments never
/// wait for it.
pub(super) fn take(owed: &mut Vec<Owed>, most: usize) -> Vec<Owed> {
    let mut last: HashMap<PaymentHash, Step> = HashMap::new();
    let mut taken = 0;
    let fits = |one: &mut Owed| {
        let step = one.end.step();
        let before = last.entry(one.payment).or_insert(Step::Commit);
        // Commits, then failures of the upstream, then at most one release of the buyer: that one reads
        // how often the buyer gave back before, so two would both read the same count.
        let fits = taken < most && *before <= step && *before < Step::Last;
        *before = if fits { step } else { Step::Last };
        taken += usize::from(fits);
        fits
    };
    owed.extract_if(.., fits).collect()
}

/// The place of an end in a statement. A later one of the same payment is no smaller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Commit,
    Failure,
    /// Nothing of the payment comes after it.
    Last,
}

/// Settles. Durable when it returns; sent again after an error, it counts once.
pub(super) async fn settle(
    client: &Client,
    statement: &Statement,
    owed: &[Owed],
) -> Result<(), PostgresError> {
    let hashes: Vec<&[u8]> = owed
        .iter()
        .map(|one| one.payment.as_bytes().as_slice())
        .collect();
    let holders: Vec<i64> = owed.iter().map(|one| one.holder).collect();
    let numbers: Vec<i64> = owed.iter().map(|one| one.number).collect();
    let (hows, spent): (Vec<i32>, Vec<i64>) = owed.iter().map(|one| one.end.column()).unzip();
    let most = i32::try_from(BUYER_RELEASES).unwrap_or(i32::MAX);
    client
        .execute(
            statement,
            &[&hashes, &holders, &numbers, &hows, &spent, &most],
        )
        .await
        .map(drop)
        .map_err(|error| PostgresError::of_statement(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_release_its_payment_waits_and_no_other() {
        let one = |number: i64, payment: u8, settle| Owed {
            payment: PaymentHash::from_bytes([payment; 32]),
            holder: 1,
            number,
            end: End::Settled(settle),
        };
        let (commit, buyer) = (Settle::ONE_USE, Settle::ReleaseBuyer);
        let failed = Settle::ReleaseUpstream;
        let mut owed = vec![
            one(1, 1, commit),
            one(2, 1, buyer),
            one(3, 1, commit),
            one(4, 2, failed),
            one(5, 2, failed),
            one(6, 2, commit),
            one(7, 3, buyer),
            one(8, 3, buyer),
            one(9, 4, commit),
        ];
        let numbers = |taken: Vec<Owed>| taken.iter().map(|one| one.number).collect::<Vec<_>>();
        assert_eq!(numbers(take(&mut owed, 100)), [1, 2, 4, 5, 7, 9]);
        assert_eq!(numbers(take(&mut owed, 2)), [3, 6]);
        assert_eq!(numbers(take(&mut owed, 2)), [8]);
        // A thousand that were never taken go with one statement.
        owed.extend((0..1000).map(|number| one(number, 7, failed)));
        assert_eq!(take(&mut owed, 1000).len(), 1000);
    }
}
