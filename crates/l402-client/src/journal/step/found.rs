//! The way back in, for a purchase that was cut short.

use l402::PaymentHash;
use rusqlite::{OptionalExtension, Row};

use super::terms::Terms;
use super::{InFlight, Recorded, Store};
use crate::journal::State;
use crate::journal::row::state;

/// A step that an earlier run came to.
#[derive(Debug)]
#[must_use = "a purchase that was cut short is brought to its end"]
pub enum Found {
    /// No wallet was asked.
    Recorded(Recorded),
    /// The wallet was asked, or was about to be.
    InFlight(InFlight),
}

impl Store {
    /// Returns the step that an earlier run came to, or `None` if the purchase is not open. The
    /// caller has the flight lock of its scope, so nobody is at it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn found(&mut self, hash: &PaymentHash) -> rusqlite::Result<Option<Found>> {
        let sql = format!(
            "SELECT {} FROM purchase WHERE payment_hash = ?1 AND state IN ('intent', 'unknown')",
            Terms::COLUMNS
        );
        let read = |row: &Row<'_>| {
            let terms = Terms::read(row)?;
            Ok(match state(row, 6)? {
                State::Intent => Found::Recorded(Recorded(terms)),
                _ => Found::InFlight(InFlight(terms)),
            })
        };
        self.db()
            .prepare_cached(&sql)?
            .query_row([hash.as_bytes()], read)
            .optional()
    }
}
