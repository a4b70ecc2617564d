//! The question if something has changed.

use crate::ledger::LedgerError;

/// Tells cheaply if the register may have changed.
pub trait Changes {
    /// Returns false if nobody else has written to the ledger since the last call; true at the first
    /// call. True may also mean that only units were counted. Costs next to nothing, and holds up no
    /// writer, so that it can be asked many times a second.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read. The next call that succeeds returns true.
    fn changed(&self) -> Result<bool, LedgerError>;
}
