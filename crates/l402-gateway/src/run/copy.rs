//! The ledger and the books of a home, copied into a database.

use l402_host::PostgresUrl;
use l402_server::books::copy_to_postgres;
use l402_server::ledger::Copied;

use super::{Home, begin, ledger, ledger_id};
use crate::GatewayError;

/// Copies the ledger of a home into an empty database: payments with their counts, keys, revocations,
/// and which ledger it is; and its books, if it keeps any. No gateway may run. From then on a start on the file is refused, because it is
/// older than the ledger. `told` is called with the number of payments so far. Blocks.
///
/// # Errors
/// [`GatewayError`] if a gateway runs, if there are a ledger or books in the database already, or if either cannot
/// be used. Then nothing was copied.
pub fn copy_ledger(
    home: &Home,
    to: &PostgresUrl,
    told: impl FnMut(u64),
) -> Result<Copied, GatewayError> {
    // Until the copy is durable: a start meanwhile would sell from a ledger that is being left.
    let _lock = begin::lock(home)?;
    let note = |mark| ledger_id::write(home, mark).map_err(std::io::Error::other);
    let books = Some(home.books()).filter(|books| books.exists());
    copy_to_postgres(&home.ledger(), books.as_deref(), to, note, told).map_err(ledger::unusable)
}
