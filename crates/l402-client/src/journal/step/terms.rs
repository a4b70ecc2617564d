//! The facts that a purchase carries from its intent to its payment, and the moves of its row that
//! account no money anew.

use l402::{Msat, Network, PaymentHash, UnixTime};
use rusqlite::{Row, params};

use super::Store;
use crate::journal::State;
use crate::journal::row::{Draft, word};

/// The facts of a payment that are needed until it is paid.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) payment_hash: PaymentHash,
    pub(super) invoice: String,
    pub(super) max_fee: Msat,
    pub(super) expires: UnixTime,
    pub(super) network: Network,
    /// The name of the wallet, if the row says so.
    pub(super) wallet: Option<String>,
}

impl Terms {
    pub(super) const COLUMNS: &'static str = "payment_hash, invoice, coalesce(fee_limit_msat, fee_msat), \
                                   expires, network, wallet, state";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            payment_hash: PaymentHash::from_bytes(row.get(0)?),
            invoice: row.get(1)?,
            max_fee: Msat::new(row.get(2)?),
            expires: UnixTime::from_secs(row.get(3)?),
            network: word(row, 4, |text: &str| text.parse().ok())?,
            wallet: row.get(5)?,
        })
    }

    pub(super) fn of(draft: &Draft, max_fee: Msat) -> Self {
        Self {
            payment_hash: draft.quote.payment_hash,
            invoice: draft.quote.invoice.clone(),
            max_fee,
            expires: draft.quote.expires,
            network: draft.network,
            wallet: Some(draft.wallet.clone()),
        }
    }
}

impl Store {
    /// Moves a row along an arrow on which no money is accounted anew. One that stands elsewhere
    /// stays there.
    pub(super) fn moved(
        &mut self,
        hash: &PaymentHash,
        (from, to): (State, State),
        note: &str,
        now: UnixTime,
    ) -> rusqlite::Result<()> {
        self.db().execute(
            "UPDATE purchase SET state = ?3, note = ?4, updated = ?5, live = 0 \
             WHERE payment_hash = ?1 AND state = ?2",
            params![hash.as_bytes(), from.name(), to.name(), note, now.secs()],
        )?;
        Ok(())
    }
}
