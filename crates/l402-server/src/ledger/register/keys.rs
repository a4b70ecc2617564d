//! The state of each key number.

use l402::UnixTime;

use super::{KeyBook, KeyReport};
use crate::ledger::LedgerError;

/// Reads and changes the states of the keys.
///
/// A wrong implementation lets a number mint whose key some gateway lacks, and its buyers are turned
/// away there: who is alive and what each has reported must be read in the transaction that changes it.
pub trait KeyStates {
    /// Returns the states as they are now, with every gateway that has the ledger open.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    fn key_book(&self) -> Result<KeyBook, LedgerError>;

    /// Lets `decide` read and change the states, and writes the current number and every key if it returns
    /// true, all in one transaction. `decide` is called once, or never if the ledger cannot be read. What
    /// it does to the gateways is not written. Returns what stands in the ledger then.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be written. Then nothing has changed.
    fn change_keys(
        &self,
        decide: &mut dyn FnMut(&mut KeyBook) -> bool,
    ) -> Result<KeyBook, LedgerError>;

    /// Writes which keys a running gateway has, in place of what it has reported before. Forgets the
    /// reports of gateways that have ended.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be written.
    fn report_keys(&self, report: &KeyReport, now: UnixTime) -> Result<(), LedgerError>;
}
