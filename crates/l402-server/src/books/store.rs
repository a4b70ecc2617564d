//! The traits of a store of the books.

use std::fmt;

use l402::{PaymentHash, UnixTime};
use l402_lightning::SettlementIndex;

use super::{BooksError, Entry, Head, Sealed};

/// A store of the books. Every method blocks.
///
/// A wrong implementation loses money from sight: `append` must be durable and whole, and a payment hash
/// must have one payment entry, whoever writes it.
pub trait Books: fmt::Debug + Send + Sync {
    /// Appends entries in one transaction, durably. A payment that the books have already is left
    /// out; if its place in the node's settlements is a later one, the place is noted alone.
    ///
    /// # Errors
    /// If nothing was written. An outcome that is unknown is an error, too: payments can be appended
    /// again, and uses that are lost by it come back from the ledger's counts.
    fn append(&self, entries: &[Entry]) -> Result<(), BooksError>;

    /// Shows the books as they are at one moment.
    ///
    /// # Errors
    /// Those of `look`, and if the books cannot be read.
    fn view(
        &self,
        look: &mut dyn FnMut(&dyn View) -> Result<(), BooksError>,
    ) -> Result<(), BooksError>;

    /// Removes the accounts whose entries are all older than `before` and that have ended by `now`, and
    /// carries their sums forward. Returns the number of entries that went.
    ///
    /// # Errors
    /// If nothing was removed.
    fn prune(&self, before: UnixTime, now: UnixTime) -> Result<u64, BooksError>;
}

/// The books at one moment. Entries are read one after another, in bounded memory.
pub trait View {
    /// Returns the place in a node's settlements after which the next one is to be read. `None` if
    /// nothing was ever read from this node.
    ///
    /// # Errors
    /// If the books cannot be read.
    fn settlement_index(&self, node: &str) -> Result<Option<SettlementIndex>, BooksError>;

    /// Returns the first and the last entry of each writer.
    ///
    /// # Errors
    /// If the books cannot be read.
    fn heads(&self) -> Result<Vec<Head>, BooksError>;

    /// Visits all entries by writer and number. An entry that no version writes is `Err` with writer
    /// and number.
    ///
    /// # Errors
    /// Those of `visit`, and if the books cannot be read.
    fn in_order(&self, visit: &mut Visit<'_>) -> Result<(), BooksError>;

    /// Visits the entries of one writer that have numbers above `after`, in the order of their numbers.
    /// Costs as much as it visits, so that a reader who notes the last number reads each entry once.
    ///
    /// # Errors
    /// Those of `visit`, and if the books cannot be read.
    fn of_writer(&self, writer: i64, after: i64, visit: &mut Visit<'_>) -> Result<(), BooksError>;

    /// Visits the entries of all payments, or of one, payment by payment; those of one payment by
    /// time, its settlement first.
    ///
    /// # Errors
    /// Those of `visit`, and if the books cannot be read.
    fn by_payment(
        &self,
        only: Option<PaymentHash>,
        visit: &mut Visit<'_>,
    ) -> Result<(), BooksError>;
}

/// Called for each entry.
pub type Visit<'a> = dyn FnMut(Result<Sealed, (i64, i64)>) -> Result<(), BooksError> + 'a;
