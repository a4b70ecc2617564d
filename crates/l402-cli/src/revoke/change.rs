//! The change in the register.

use l402::{KeyNumber, PaymentHash, Service, TokenId, UnixTime};
use l402_server::MAX_INVOICE_EXPIRY;
use l402_server::ledger::LedgerError;
use l402_server::ledger::register::{Register, begin_next_number};
use l402_server::revoked::{Revocation, Revoke};

/// What a command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Minted {
        before: UnixTime,
        service: Option<Service>,
    },
    Payment(PaymentHash),
    Token(TokenId),
}

impl What {
    /// Returns the question that needs a yes, if it ends many tokens.
    pub(crate) fn question(&self) -> Option<String> {
        let Self::Minted { before, service } = self else {
            return None;
        };
        let of = match service {
            Some(service) => format!("all tokens of {service}"),
            None => "all tokens of all services".to_owned(),
        };
        let before = before.to_rfc3339();
        Some(format!(
            "This ends {of} that may have been minted before {before}, paid ones too, for good. \
             Go on? [y/N]"
        ))
    }
}

/// What a command has done.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) revocation: Revocation,
    /// False if it was revoked before.
    pub(crate) is_new: bool,
}

/// The number of revocations that are read at once.
const AT_ONCE: u32 = 10_000;

/// Returns all revocations, the oldest first.
pub(crate) fn all(register: &dyn Register) -> Result<Vec<(i64, Revocation)>, LedgerError> {
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

/// Ends what is named.
pub(crate) fn revoke(
    register: &dyn Register,
    what: &What,
    now: UnixTime,
) -> Result<Done, LedgerError> {
    let what = match what {
        What::Token(id) => Revoke::Token(*id),
        What::Payment(hash) => Revoke::Payment(*hash),
        What::Minted { before, service } => Revoke::Minted {
            before: *before,
            service: service.clone(),
            // First the number: what is revoked then is refused, and what is sold from then on is not.
            spares: spared(register, *before, now)?,
        },
    };
    let revocation = Revocation::new(what, now);
    let added = register.revoke(std::slice::from_ref(&revocation))?;
    let is_new = added.contains(&true);
    Ok(Done { revocation, is_new })
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
