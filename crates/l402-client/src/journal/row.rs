//! One purchase as it is in the file, secrets included.

use http::HeaderValue;
use l402::{Msat, Network, PaymentHash, Policy, Preimage, Scheme, UnixTime};
use rusqlite::Row;
use rusqlite::types::Type;

use super::lock::Scope;
use super::{Entry, State};
use crate::{Quote, Receipt};

/// A sound offer that may become a purchase.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) scope: Scope,
    pub(crate) quote: Quote,
    pub(crate) network: Network,
    pub(crate) scheme: Scheme,
    pub(crate) token: String,
    pub(crate) valid_until: Option<UnixTime>,
    /// The name of the wallet that will be asked.
    pub(crate) wallet: String,
    /// The request that it is bought for; see `Hop::fingerprint`.
    pub(crate) request: [u8; 32],
}

/// An intent that is durable. A wallet is asked with nothing else.
#[derive(Debug)]
pub(crate) struct DurableIntent {
    pub(crate) payment_hash: PaymentHash,
    pub(crate) invoice: String,
    pub(crate) max_fee: Msat,
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
    pub(crate) network: Network,
    pub(crate) expires: UnixTime,
    pub(crate) paid_at: UnixTime,
    pub(crate) policy: Option<Policy>,
    /// The name of the wallet that was asked, if the row says so.
    pub(crate) wallet: Option<String>,
    /// The most that routing was allowed to cost, if the row says so.
    pub(crate) max_fee: Option<Msat>,
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
         paid_msat, fee_msat, network, expires, paid_at, policy, scheme, token, preimage, wallet, \
         fee_limit_msat, request";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        // Read leniently below: a policy that only a newer version knows must not hide the purchase.
        let policy: Option<String> = row.get(10)?;
        let preimage: Option<[u8; 32]> = row.get(13)?;
        Ok(Self {
            payment_hash: PaymentHash::from_bytes(row.get(0)?),
            scope: Scope {
                origin: row.get(1)?,
                path: row.get(2)?,
            },
            state: state(row, 3)?,
            amount: Msat::new(row.get(4)?),
            paid: Msat::new(row.get(5)?),
            fee: Msat::new(row.get(6)?),
            network: word(row, 7, |text: &str| text.parse().ok())?,
            expires: UnixTime::from_secs(row.get(8)?),
            paid_at: UnixTime::from_secs(row.get::<_, Option<u64>>(9)?.unwrap_or_default()),
            policy: policy.and_then(|text| text.parse().ok()),
            wallet: row.get(14)?,
            max_fee: row.get::<_, Option<u64>>(15)?.map(Msat::new),
            request: row.get(16)?,
            scheme: row.get(11)?,
            token: row.get(12)?,
            preimage: preimage.map(Preimage::from_bytes),
        })
    }

    /// Returns true if one answer uses the token up, as far as the token says.
    pub(crate) fn is_single_use(&self) -> bool {
        // Without a policy the token counts as good for more: tried in vain, it costs one request; put
        // away too early, it costs a second payment.
        self.policy
            .is_some_and(|policy| policy.uses().is_some_and(|uses| uses.get() == 1))
    }

    /// Returns true if the purchase was made for this very request.
    pub(crate) fn is_for(&self, request: &[u8; 32]) -> bool {
        self.request.as_ref() == Some(request)
    }

    /// Returns the fee limit if routing cost more than it.
    pub(crate) fn broken_fee_limit(&self) -> Option<Msat> {
        self.max_fee.filter(|limit| self.fee > *limit)
    }

    /// Returns true if the gateway of this project made the token. It also reads the credential beside
    /// the caller's own `Authorization`.
    pub(crate) fn is_ours(&self) -> bool {
        self.policy.is_some()
    }

    /// Returns the value of the credential header, with the scheme that the server used and the token
    /// byte for byte. Returns `None` if there is no proof yet.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let preimage = self.preimage.as_ref()?;
        let text = format!("{} {}:{}", self.scheme, self.token, preimage.to_hex());
        let mut value = HeaderValue::try_from(text).ok()?;
        // So that no `Debug` of a request shows the preimage.
        value.set_sensitive(true);
        Some(value)
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
        }
    }
}

impl Entry {
    pub(super) const COLUMNS: &'static str =
        "payment_hash, origin, path, amount_msat, fee_msat, state, created, updated, note";

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
        })
    }
}

/// Reads the name of a state.
pub(super) fn state(row: &Row<'_>, at: usize) -> rusqlite::Result<State> {
    word(row, at, |text| {
        State::ALL.into_iter().find(|state| state.name() == text)
    })
}

/// Reads a word of a closed list. Any other word means that the file was tampered with.
fn word<T>(row: &Row<'_>, at: usize, read: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    read(&text).ok_or_else(|| {
        let name = row.as_ref().column_name(at).unwrap_or("?").to_owned();
        rusqlite::Error::InvalidColumnType(at, name, Type::Text)
    })
}
