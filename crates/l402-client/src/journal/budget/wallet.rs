//! Wallets that have broken a limit.

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Error;

/// The time for which such a wallet is asked for nothing, in seconds.
const STOP_SECS: u64 = 24 * 60 * 60;

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
    // By name: another wallet has broken nothing, and the caller must have a way to go on.
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
