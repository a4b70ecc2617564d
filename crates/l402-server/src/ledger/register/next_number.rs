//! The next key number.

use l402::{KeyNumber, UnixTime};

use super::KeyStates;
use crate::ledger::LedgerError;

/// Begins the next key number, with the master key of the one that mints now, whose tokens go on to be
/// good. It mints once every gateway that is alive has heard of it, at once if there is none, or if another
/// number waits already. Numbers are never used twice. Returns the number, or `None` if no number mints yet
/// or none is left.
///
/// # Errors
/// Those of [`KeyStates::change_keys`].
pub fn begin_next_number(
    register: &(impl KeyStates + ?Sized),
    now: UnixTime,
) -> Result<Option<KeyNumber>, LedgerError> {
    let mut begun = None;
    register.change_keys(&mut |book| {
        begun = book.begin_same(now).ok();
        begun.is_some()
    })?;
    Ok(begun)
}
