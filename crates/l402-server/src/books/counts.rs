//! The counts that the books are compared with.

use std::fmt;

use l402::PaymentHash;

/// A read-only look at the counts of a ledger. Blocks.
pub trait Counts {
    /// Returns the units of a payment that are spent, or `None` if the ledger does not know it: it was
    /// never used, or it has ended long ago.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    fn spent(&mut self, payment: PaymentHash) -> Result<Option<u64>, Box<dyn fmt::Display>>;
}

#[cfg(feature = "sqlite")]
impl Counts for crate::ledger::SqliteCounts {
    fn spent(&mut self, payment: PaymentHash) -> Result<Option<u64>, Box<dyn fmt::Display>> {
        Self::spent(self, payment).map_err(|error| -> Box<dyn fmt::Display> { Box::new(error) })
    }
}

#[cfg(feature = "postgres")]
impl Counts for crate::ledger::PostgresCounts {
    fn spent(&mut self, payment: PaymentHash) -> Result<Option<u64>, Box<dyn fmt::Display>> {
        Self::spent(self, payment).map_err(|error| -> Box<dyn fmt::Display> { Box::new(error) })
    }
}
