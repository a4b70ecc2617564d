//! Which ledger it is.

use l402::UnixTime;

use crate::ledger::{LedgerError, LedgerIdentity};

/// Reads and changes what a ledger says of itself.
pub trait Identify {
    /// Makes the ledger if it is not there, lets `decide` read and change what it says of itself, and
    /// writes that if `decide` returns true, all in one transaction. `decide` is called once, or never
    /// if the ledger cannot be read. `now` is noted with a fingerprint that is new. Returns what
    /// stands in the ledger then.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be opened or written. Then nothing has changed.
    fn identify(
        &self,
        now: UnixTime,
        decide: &mut dyn FnMut(&mut LedgerIdentity) -> bool,
    ) -> Result<LedgerIdentity, LedgerError>;
}

/// Does as [`Identify::identify`] does, with a decision that can fail: then nothing is written, and its
/// error is the inner one.
///
/// # Errors
/// Those of [`Identify::identify`].
pub fn identify<E>(
    register: &(impl Identify + ?Sized),
    now: UnixTime,
    decide: impl FnOnce(&mut LedgerIdentity) -> Result<(), E>,
) -> Result<Result<LedgerIdentity, E>, LedgerError> {
    // The register takes a closure that could be called twice, so this one is taken out of an `Option`.
    let (mut decide, mut refused) = (Some(decide), None);
    let identity = register.identify(now, &mut |identity| {
        let decided = decide.take().map_or(Ok(()), |decide| decide(identity));
        refused = decided.err();
        refused.is_none()
    })?;
    Ok(match refused {
        Some(error) => Err(error),
        None => Ok(identity),
    })
}
