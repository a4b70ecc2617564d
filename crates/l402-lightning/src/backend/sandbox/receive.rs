//! The receiving half of the sandbox.

use core::time::Duration;
use std::collections::VecDeque;

use futures_util::stream;
use l402::{Network, PaymentHash};
use rusqlite::{Connection, OptionalExtension};

use super::file::msat;
use super::{Sandbox, SandboxShared};
use crate::{
    Error, InvoiceRequest, InvoiceState, NewInvoice, Receive, Settlement, SettlementIndex, check,
};
use l402_host::{BoxFuture, BoxStream};

/// The interval at which the file is read for new payments, which other processes may have made.
const POLL: Duration = Duration::from_millis(50);

/// The number of settlements read at a time.
const PAGE: i64 = 256;

impl Receive for Sandbox {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn preimage_is_proof(&self) -> bool {
        true
    }

    fn signs_here(&self) -> bool {
        true
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        Box::pin(async move {
            check::request(&request)?;
            let now = self.shared.clock.wall();
            self.shared.key.invoice(&request, now)
        })
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        let look = move |shared: &SandboxShared| shared.file.read(|c| state(c, &payment_hash));
        Box::pin(async move { Ok(self.blocking(look).await??.unwrap_or(InvoiceState::Unseen)) })
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        Box::pin(self.last_settlement())
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        let start = (from, VecDeque::new());
        Box::pin(stream::try_unfold(start, move |(from, read)| async move {
            let (next, read) = self.next_settlement(from, read).await?;
            let from = next.index;
            Ok(Some((next, (from, read))))
        }))
    }
}

impl Sandbox {
    /// Returns the index of the last settlement.
    pub(super) async fn last_settlement(&self) -> Result<SettlementIndex, Error> {
        let newest = self.blocking(|shared| shared.file.read(newest)).await??;
        Ok(newest.unwrap_or_default())
    }

    /// Returns the settlement after `from`, and those that were read beyond it. Waits until there
    /// is one.
    async fn next_settlement(
        &self,
        mut from: SettlementIndex,
        mut read: VecDeque<Settlement>,
    ) -> Result<(Settlement, VecDeque<Settlement>), Error> {
        if from == SettlementIndex::NEWEST {
            from = self.last_settlement().await?;
        }
        loop {
            if let Some(next) = read.pop_front() {
                return Ok((next, read));
            }
            let page = self
                .blocking(move |shared| shared.file.read(|c| after(c, from)))
                .await??;
            read = page.unwrap_or_default();
            if read.is_empty() {
                // SQLite tells no process about the writes of another, so the file is asked again.
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

fn state(connection: &Connection, hash: &PaymentHash) -> rusqlite::Result<InvoiceState> {
    let sql = "SELECT state, amount_msat FROM payments WHERE payment_hash = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, msat(row, 1)?));
    let found = connection
        .query_row(sql, [hash.as_bytes()], row)
        .optional()?;
    Ok(match found {
        Some((state, paid)) if state == "settled" => InvoiceState::Settled { paid },
        Some((state, _)) if state == "held" => InvoiceState::Held,
        // A payment with the fault `unknown` has not reached the seller.
        _ => InvoiceState::Unseen,
    })
}

/// Returns the index of the last settlement, 0 if there is none.
fn newest(connection: &Connection) -> rusqlite::Result<SettlementIndex> {
    let sql = "SELECT COALESCE(MAX(number), 0) FROM settlements";
    let number: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(SettlementIndex(number.try_into().unwrap_or(0)))
}

fn after(connection: &Connection, from: SettlementIndex) -> rusqlite::Result<VecDeque<Settlement>> {
    let sql = "SELECT number, payment_hash, paid_msat FROM settlements WHERE number > ?1 \
               ORDER BY number LIMIT ?2";
    let from = i64::try_from(from.0).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(sql)?;
    let rows = query.query_map((from, PAGE), |row| {
        let number: i64 = row.get(0)?;
        Ok(Settlement {
            payment_hash: PaymentHash::from_bytes(row.get(1)?),
            paid: msat(row, 2)?,
            index: SettlementIndex(number.try_into().unwrap_or(0)),
        })
    })?;
    rows.collect()
}
