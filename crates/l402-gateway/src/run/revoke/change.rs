//! The change in the register.

use l402::{KeyNumber, PaymentHash, Service, TokenId, UnixTime};
use l402_server::MAX_INVOICE_EXPIRY;
use l402_server::ledger::LedgerError;
use l402_server::ledger::register::{Register, begin_next_number};
use l402_server::revoked::{Revocation, Revoke};

/// Tokens that are to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToRevoke {
    /// Those that were minted before a time, of one service or of all.
    Minted {
        /// The time, which has come.
        before: UnixTime,
        /// The service; `None` for all.
        service: Option<Service>,
    },
    /// Those of one payment.
    Payment(PaymentHash),
    /// One token, and what its holder has made of it.
    Token(TokenId),
}

/// A revocation that was made.
#[derive(Clone, Debug)]
pub struct TokensEnded {
    /// The entry of the list.
    pub revocation: Revocation,
    /// False if it was revoked before.
    pub is_new: bool,
}

/// The number of revocations that are read at once.
const AT_ONCE: u32 = 10_000;

/// Returns all revocations with their numbers, the oldest first. Blocks.
///
/// # Errors
/// [`LedgerError`] if the ledger cannot be read.
pub fn all_revocations(register: &dyn Register) -> Result<Vec<(i64, Revocation)>, LedgerError> {
    let mut all: Vec<(i64, Revocation)> = Vec::new();
    loop {
        let last = all.last().map_or(0, |(number, _)| *number);
        let mut some = register.revoked_after(last, AT_ONCE)?;
        if some.is_empty() {
            return Ok(all);
        }
        all.append(&mut some);
    }
}

/// Ends what is named, for good. Every gateway of the ledger refuses it within a second. Blocks.
///
/// # Errors
/// [`LedgerError`] if the ledger cannot be written. Then nothing was revoked.
pub fn revoke(
    register: &dyn Register,
    what: &ToRevoke,
    now: UnixTime,
) -> Result<TokensEnded, LedgerError> {
    let what = match what {
        ToRevoke::Token(id) => Revoke::Token(*id),
        ToRevoke::Payment(hash) => Revoke::Payment(*hash),
        ToRevoke::Minted { before, service } => Revoke::Minted {
            before: *before,
            service: service.clone(),
            // First the number: what is revoked then is refused, and what is sold from then on is not.
            spares: spared(register, *before, now)?,
        },
    };
    let revocation = Revocation::new(what, now);
    let added = register.revoke(std::slice::from_ref(&revocation))?;
    let is_new = added.contains(&true);
    Ok(TokensEnded { revocation, is_new })
}

/// Begins the next key number, if a token that is sold from now on could not show that it was minted
/// later than `before`. Returns that number.
fn spared(
    register: &dyn Register,
    before: UnixTime,
    now: UnixTime,
) -> Result<Option<KeyNumber>, LedgerError> {
    if before.saturating_add(MAX_INVOICE_EXPIRY) <= now {
        return Ok(None);
    }
    begin_next_number(register, now)
}
