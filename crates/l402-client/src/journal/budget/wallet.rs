//! Wallets that have broken a limit.

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Error;

/// The time for which such a wallet is asked for nothing, in seconds.
const STOP_SECS: u64 = 24 * 60 * 60;

/// Stands between the names of wallets that are asked in turn.
const THEN: &str = ", then ";

/// The rows in which a wallet did what it must not: routing over its limit, more than the invoice
/// asked, or a payment that its preimage does not prove. Whole satoshi are no fault: some wallets have
/// nothing finer, and round up.
const BROKEN: &str = "(fee_msat > fee_limit_msat OR paid_msat > (amount_msat + 999) / 1000 * 1000 \
                      OR state = 'paid_no_proof')";

/// Returns the error for a wallet that has done within the window what it must not, or `None` for
/// any other wallet.
pub(in crate::journal) fn broken_limit(
    db: &Connection,
    wallet: &str,
    now: UnixTime,
) -> rusqlite::Result<Option<Error>> {
    let begin = now.secs().saturating_sub(STOP_SECS);
    for broken in broken_names(db)? {
        // By name: another wallet has broken nothing, and the caller must have a way to go on.
        if !shares_a_name(&broken, wallet) {
            continue;
        }
        if let Some(error) = broken_by(db, &broken, begin)? {
            return Ok(Some(error));
        }
    }
    Ok(None)
}

/// Returns the names in the rows in which a wallet did what it must not, of any time. Each is looked up
/// behind the one before, which reads nothing but the index.
fn broken_names(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = format!("SELECT min(wallet) FROM purchase WHERE wallet > ?1 AND {BROKEN}");
    let mut next = db.prepare_cached(&sql)?;
    let mut names: Vec<String> = Vec::new();
    loop {
        let last = names.last().map_or("", String::as_str);
        match next.query_row([last], |row| row.get(0))? {
            Some(name) => names.push(name),
            None => return Ok(names),
        }
    }
}

/// Returns true if two names have a wallet in common. Several wallets that are asked in turn are one
/// name, and any of them may be the one that paid.
fn shares_a_name(one: &str, other: &str) -> bool {
    one.split(THEN)
        .any(|name| other.split(THEN).any(|it| it == name))
}

/// Returns the error for the newest such row of one name since `begin`.
fn broken_by(db: &Connection, wallet: &str, begin: u64) -> rusqlite::Result<Option<Error>> {
    let sql = format!(
        "SELECT payment_hash, fee_msat, fee_limit_msat, paid_msat, amount_msat, \
         state = 'paid_no_proof' FROM purchase \
         WHERE paid_at > ?1 AND wallet = ?2 AND {BROKEN} ORDER BY paid_at DESC"
    );
    let mut rows = db.prepare_cached(&sql)?;
    let found = rows.query_row(params![begin, wallet], |row| {
        let hash = PaymentHash::from_bytes(row.get(0)?);
        let limit: Option<u64> = row.get(2)?;
        let (fee, paid, amount) = (row.get(1)?, row.get(3)?, row.get(4)?);
        let [fee, paid, amount] = [fee, paid, amount].map(Msat::new);
        let what = if row.get(5)? {
            format!("{wallet} says that it paid {hash}, and what it gave does not prove it")
        } else if limit.is_some_and(|limit| fee > Msat::new(limit)) {
            let limit = Msat::new(limit.unwrap_or_default());
            format!("{wallet} paid {fee} for the routing of {hash}, where {limit} were allowed")
        } else {
            format!("{wallet} paid {paid} for {hash}, where the invoice asked {amount}")
        };
        let detail = format!(
            "{what}; it is asked for nothing within 24 hours of that, use another wallet or mend it"
        );
        Ok(Error::Wallet { detail })
    });
    found.optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_wallets_is_broken_by_each_of_them() {
        for (one, other, shares) in [
            ("A", "A", true),
            ("A", "A, then B", true),
            ("B, then A", "A", true),
            ("B, then A", "A, then C", true),
            ("A", "B", false),
            ("A", "AA, then B", false),
            ("A, then B", "C, then D", false),
        ] {
            assert_eq!(shares_a_name(one, other), shares, "{one} | {other}");
        }
    }
}
