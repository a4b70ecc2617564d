//! The ring of keys: what the ledger says of each number, and the keys that are here.

use l402::{KeyNumber, KeyRing, UnixTime};
use l402_server::ledger::register::{KeyBook, KeyState};

use super::keys::Keys;

const NEVER: UnixTime = UnixTime::from_secs(u64::MAX);

/// Returns the ring in which `sells` mints. `None` if its key is not here.
pub(super) fn ring(
    deployment: &str,
    keys: &Keys,
    book: &KeyBook,
    sells: KeyNumber,
) -> Option<KeyRing> {
    let state = book.keys.get(&sells)?;
    let selling = keys.holding(&state.fingerprint)?;
    let ring = KeyRing::new(deployment, sells, selling.clone());
    let ring = match state.retired {
        true => ring.with_end(ends(keys, sells, state)),
        false => ring,
    };
    let others = book.keys.iter().filter(|(number, _)| **number != sells);
    let ring = others.fold(ring, |ring, (number, state)| {
        let (number, ends) = (*number, ends(keys, *number, state));
        match keys.holding(&state.fingerprint) {
            // Another gateway may mint with it before this one knows.
            Some(key) if number > sells && !state.retired => ring.with_next(number, key.clone()),
            Some(key) => ring.with_old(number, key.clone(), ends),
            None => ring.with_missing(number, ends),
        }
    });
    Some(ring.with_uses_from(book.uses_from))
}

/// Returns the number to mint with: the one that the ledger says, or the highest one below it whose key
/// is here and that has not ended.
pub(super) fn sells(keys: &Keys, book: &KeyBook) -> Option<KeyNumber> {
    newest(keys, book, |state| !state.retired)
}

/// Returns the number whose key stands for all if none may mint here: the highest one that is here. It has
/// been retired, so nothing is sold with it, and its tokens have ended.
pub(super) fn stands_in(keys: &Keys, book: &KeyBook) -> Option<KeyNumber> {
    newest(keys, book, |_| true)
}

/// Returns the highest number, up to the one that the ledger says, that does not wait, whose key is here, and
/// whose state is wanted.
fn newest(keys: &Keys, book: &KeyBook, is_wanted: impl Fn(&KeyState) -> bool) -> Option<KeyNumber> {
    let is_here = |state: &KeyState| !state.waits && keys.holding(&state.fingerprint).is_some();
    let mut newest_first = book.keys.range(..=book.current?).rev();
    newest_first
        .find(|(_, state)| is_here(state) && is_wanted(state))
        .map(|(number, _)| *number)
}

/// Returns the numbers whose key is not here, and whose tokens have not ended.
pub(super) fn missing<'a>(
    keys: &'a Keys,
    book: &'a KeyBook,
    now: UnixTime,
) -> impl Iterator<Item = (KeyNumber, &'a KeyState)> {
    let known = book.keys.iter().map(|(number, state)| (*number, state));
    known.filter(move |(number, state)| {
        keys.holding(&state.fingerprint).is_none() && now < ends(keys, *number, state)
    })
}

/// Returns the end of a number: that of the configuration, or an earlier one that a command has set.
fn ends(keys: &Keys, number: KeyNumber, state: &KeyState) -> UnixTime {
    let is_here = keys.holding(&state.fingerprint).is_some();
    // What the configuration said once holds while nobody here can say otherwise.
    let noted = state.until.filter(|_| state.retired || !is_here);
    let named = keys.until(number, &state.fingerprint);
    noted.into_iter().chain(named).min().unwrap_or(NEVER)
}
