//! What was revoked.

use crate::ledger::LedgerError;
use crate::revoked::Revocation;

/// Reads and adds revocations.
///
/// A wrong implementation lets revoked tokens in: what was added is durable, is never lost, and has a
/// number above all that a reader can have seen before.
pub trait Revocations {
    /// Adds revocations, all or none; durable when it returns. Those that are there already stay as
    /// they are. Returns for each if it is new.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be written.
    fn revoke(&self, revocations: &[Revocation]) -> Result<Vec<bool>, LedgerError>;

    /// Returns at most `most` revocations with numbers above `after`, in the order of their numbers,
    /// which is the order in which they were added. Numbers begin at 1.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read, or holds what this version does not know.
    fn revoked_after(&self, after: i64, most: u32) -> Result<Vec<(i64, Revocation)>, LedgerError>;
}
