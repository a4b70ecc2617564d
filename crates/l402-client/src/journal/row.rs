//! One purchase as it is in the file, secrets included.

use http::HeaderValue;
use l402::{Msat, Network, PaymentHash, Policy, Preimage, UnixTime};
use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};

use super::lock::Scope;
use super::{BudgetName, Entry, State};
use crate::scheme::credential;
use crate::{CredentialScheme, Quote, Receipt};

/// The times that an opaque token must have been accepted before it is tried at other paths.
pub(crate) const ACCEPTED_ENOUGH: u32 = 2;

/// The scheme of a row that is an invoice paid for itself. Its proof opens nothing, and is presented
/// nowhere.
pub(crate) const INVOICE: &str = "invoice";

/// A sound offer, or an invoice alone, that may become a row.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) scope: Scope,
    pub(crate) quote: Quote,
    pub(crate) network: Network,
    /// The name of the credential's scheme, or [`INVOICE`].
    pub(crate) scheme: &'static str,
    /// The token, empty for an invoice.
    pub(crate) token: String,
    pub(crate) valid_until: Option<UnixTime>,
    /// The name of the wallet that will be asked.
    pub(crate) wallet: String,
    /// The budget that it counts against.
    pub(crate) budget: BudgetName,
    /// The request that it is bought for; see `Hop::fingerprint`. `None` for an invoice.
    pub(crate) request: Option<[u8; 32]>,
    /// Buys although the seller is stopped, and ends that.
    pub(crate) despite_stop: bool,
}

/// A purchase whose outcome nobody knows: its place, where the step it came to is found.
pub(crate) struct OpenPurchase {
    pub(crate) payment_hash: PaymentHash,
    /// The place whose flight lock its payer holds.
    pub(crate) scope: Scope,
    /// A wallet was asked, or was about to be.
    pub(crate) was_asked: bool,
}

impl OpenPurchase {
    pub(super) const COLUMNS: &'static str =
        "payment_hash, origin, path, state = 'unknown', host, scheme";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let payment_hash = PaymentHash::from_bytes(row.get(0)?);
        let scope = Scope {
            origin: row.get(1)?,
            path: row.get(2)?,
            host: row.get(4)?,
        };
        let is_invoice = row.get_ref(5)?.as_str()? == INVOICE;
        Ok(Self {
            payment_hash,
            scope: if is_invoice {
                scope.of_one_payment(&payment_hash)
            } else {
                scope
            },
            was_asked: row.get(3)?,
        })
    }
}

/// A row of the journal. Its `Debug` names the payment and shows no secret.
#[derive(Clone)]
pub(crate) struct Purchase {
    pub(crate) payment_hash: PaymentHash,
    pub(crate) scope: Scope,
    pub(crate) state: State,
    pub(crate) amount: Msat,
    pub(crate) paid: Msat,
    pub(crate) fee: Msat,
    pub(crate) paid_at: UnixTime,
    pub(crate) policy: Option<Policy>,
    /// The most that routing was allowed to cost, if the row says so.
    pub(crate) max_fee: Option<Msat>,
    /// The calls in which it was refused without a reason.
    pub(crate) refusals: u32,
    /// The times that it was accepted, as far as that is counted: up to [`ACCEPTED_ENOUGH`].
    pub(crate) accepted: u32,
    /// The longest common folder of the paths where it was accepted.
    pub(crate) folder: Option<String>,
    /// The budget that it counts against.
    pub(crate) budget: BudgetName,
    request: Option<[u8; 32]>,
    scheme: String,
    token: String,
    preimage: Option<Preimage>,
}

impl std::fmt::Debug for Purchase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Purchase")
            .field("payment_hash", &self.payment_hash)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Purchase {
    pub(super) const COLUMNS: &'static str = "payment_hash, origin, path, state, amount_msat, \
         paid_msat, fee_msat, paid_at, policy, scheme, token, preimage, fee_limit_msat, request, \
         host, refusals, accepted, folder, budget";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        // In the order of `COLUMNS`.
        let policy: Option<String> = row.get(8)?;
        let preimage: Option<[u8; 32]> = row.get(11)?;
        Ok(Self {
            payment_hash: PaymentHash::from_bytes(row.get(0)?),
            scope: Scope {
                origin: row.get(1)?,
                path: row.get(2)?,
                host: row.get(14)?,
            },
            state: state(row, 3)?,
            amount: Msat::new(row.get(4)?),
            paid: Msat::new(row.get(5)?),
            fee: Msat::new(row.get(6)?),
            paid_at: UnixTime::from_secs(row.get::<_, Option<u64>>(7)?.unwrap_or_default()),
            policy: policy.and_then(|text| text.parse().ok()),
            max_fee: row.get::<_, Option<u64>>(12)?.map(Msat::new),
            request: row.get(13)?,
            refusals: row.get(15)?,
            accepted: row.get(16)?,
            folder: row.get(17)?,
            budget: budget(row, 18)?,
            scheme: row.get(9)?,
            token: row.get(10)?,
            preimage: preimage.map(Preimage::from_bytes),
        })
    }

    /// Returns true if one answer uses the token up, as far as the token says.
    pub(crate) fn is_single_use(&self) -> bool {
        // Without a policy the token counts as good for more: tried in vain, it costs one request; put
        // away too early, it costs a second payment.
        self.is_charge()
            || self
                .policy
                .is_some_and(|policy| policy.uses().is_some_and(|uses| uses.get() == 1))
    }

    /// Returns true if it was bought by a `Payment` challenge, whose credential is good for one answer to
    /// the request that it was given for.
    pub(crate) fn is_charge(&self) -> bool {
        self.scheme == CredentialScheme::Payment.name()
    }

    /// Returns true if it is an invoice that was paid for itself.
    pub(crate) fn is_invoice(&self) -> bool {
        self.scheme == INVOICE
    }

    /// Returns true if the purchase was made for this very request.
    pub(crate) fn is_for(&self, request: &[u8; 32]) -> bool {
        self.request.as_ref() == Some(request)
    }

    /// Returns the fee limit if routing cost more than it.
    pub(crate) fn broken_fee_limit(&self) -> Option<Msat> {
        self.max_fee.filter(|limit| self.fee > *limit)
    }

    /// Returns true if the wallet paid more than the invoice asked, rounded up to whole satoshi.
    pub(crate) fn is_overpaid(&self) -> bool {
        // Some wallets have nothing finer than a satoshi.
        self.paid > Msat::from_sat(self.amount.ceil_sat())
    }

    /// Returns true if the gateway of this project made the token. It also reads the credential beside
    /// the caller's own `Authorization`.
    pub(crate) fn is_ours(&self) -> bool {
        self.policy.is_some()
    }

    /// The token, byte for byte.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The name of the scheme that the server used.
    pub(super) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The proof of the payment.
    pub(crate) fn preimage(&self) -> Option<&Preimage> {
        self.preimage.as_ref()
    }

    /// Returns what the row says once the token was accepted at `path`: the count and the folder.
    pub(super) fn accepted_at(&self, path: &str) -> (u32, String) {
        let count = self.accepted.saturating_add(1).min(ACCEPTED_ENOUGH);
        let folder = match &self.folder {
            None => folder_of(path).to_owned(),
            Some(folder) => common_folder(folder, path).to_owned(),
        };
        (count, folder)
    }

    /// Returns true if the proof of the payment is here.
    pub(super) fn is_proven(&self) -> bool {
        self.preimage.is_some()
    }

    /// See [`Paid::credential`](super::Paid::credential). `None` before there is proof, and for an
    /// invoice, too.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        if self.is_invoice() {
            return None;
        }
        let preimage = self.preimage.as_ref()?;
        credential(&self.scheme, &self.token, preimage)
    }

    /// Returns the receipt. Its URL is without its query, which may hold the caller's own secrets.
    pub(crate) fn receipt(&self, reused: bool) -> Receipt {
        Receipt {
            url: format!("{}{}", self.scope.origin, self.scope.path),
            price: self.amount,
            paid: self.paid,
            fee: self.fee,
            payment_hash: self.payment_hash,
            paid_at: self.paid_at,
            reused,
            use_report: None,
        }
    }
}

/// Returns the folder of a path, with the slash at its end.
fn folder_of(path: &str) -> &str {
    path.rfind('/')
        .and_then(|at| path.get(..=at))
        .unwrap_or("/")
}

/// Returns the longest folder that holds both a folder and a path.
fn common_folder<'a>(folder: &'a str, path: &str) -> &'a str {
    let alike = folder.bytes().zip(path.bytes()).take_while(|(a, b)| a == b);
    let alike = alike.count();
    // A slash is one byte, and cuts no character in two.
    let end = folder.bytes().take(alike).rposition(|byte| byte == b'/');
    end.and_then(|at| folder.get(..=at)).unwrap_or("/")
}

impl Entry {
    pub(super) const COLUMNS: &'static str = "payment_hash, origin, path, amount_msat, fee_msat, state, created, updated, note, paid_msat, budget, scheme";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            payment_hash: PaymentHash::from_bytes(row.get(0)?),
            origin: row.get(1)?,
            path: row.get(2)?,
            amount: Msat::new(row.get(3)?),
            fee: Msat::new(row.get(4)?),
            state: state(row, 5)?,
            created: UnixTime::from_secs(row.get(6)?),
            updated: UnixTime::from_secs(row.get(7)?),
            note: row.get(8)?,
            paid: Msat::new(row.get(9)?),
            budget: budget(row, 10)?,
            is_invoice: row.get_ref(11)?.as_str()? == INVOICE,
        })
    }
}

/// Reads the budget of a row, `default` if the column is null.
pub(super) fn budget(row: &Row<'_>, at: usize) -> rusqlite::Result<BudgetName> {
    match row.get_ref(at)? {
        ValueRef::Null => Ok(BudgetName::default()),
        _ => word(row, at, |text| text.parse().ok()),
    }
}

/// Reads the name of a state.
pub(super) fn state(row: &Row<'_>, at: usize) -> rusqlite::Result<State> {
    word(row, at, |text| {
        State::ALL.into_iter().find(|state| state.name() == text)
    })
}

/// Reads a word of a closed vocabulary; another word means a file that was tampered with.
pub(super) fn word<T>(
    row: &Row<'_>,
    at: usize,
    read: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    read(&text).ok_or_else(|| {
        let name = row.as_ref().column_name(at).unwrap_or("?").to_owned();
        rusqlite::Error::InvalidColumnType(at, name, Type::Text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_shrinks_to_what_its_paths_have_in_common() {
        assert_eq!(folder_of("/a/b/c"), "/a/b/");
        assert_eq!(folder_of("/a"), "/");
        for (folder, path, common) in [
            ("/a/b/", "/a/b/d", "/a/b/"),
            ("/a/b/", "/a/bc/d", "/a/"),
            ("/a/b/", "/a/b", "/a/"),
            ("/a/b/", "/x", "/"),
            ("/a/b/", "/a/b/c/d", "/a/b/"),
            ("/", "/a", "/"),
        ] {
            assert_eq!(common_folder(folder, path), common, "{folder} {path}");
        }
    }
}
