//! The offer of a report, turned into a quote within the buyer's limits.

use http::{HeaderMap, StatusCode};
use l402::{Invoice, Msat, Network, UnixTime};
use url::Url;

use crate::examine::{self, Fault, Payer, UnpaidAnswer, examine};
use crate::{BudgetLimit, CredentialScheme, Error, Limits, Quote};

/// The most characters of an invoice's description that are shown.
const DESCRIPTION_CHARS: usize = 200;

/// An offer that passed every rule.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) quote: Quote,
    pub(crate) network: Network,
    pub(crate) scheme: CredentialScheme,
    pub(crate) token: String,
    pub(crate) valid_until: Option<UnixTime>,
}

impl Offer {
    /// Returns the name of the protocol for hooks: `l402`, or `mpp`.
    pub(crate) fn protocol(&self) -> &'static str {
        match self.scheme {
            CredentialScheme::Payment => "mpp",
            CredentialScheme::L402 | CredentialScheme::Lsat => "l402",
        }
    }
}

/// A 402 answer, and the buyer to whom it was given.
pub(crate) struct PaymentRequiredAnswer<'a> {
    pub(crate) url: &'a Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) payer: Payer,
}

impl PaymentRequiredAnswer<'_> {
    /// Returns the cheapest sound offer.
    ///
    /// # Errors
    /// [`Error::Refused`] with the first fault, if no offer is sound.
    pub(crate) fn offer(&self, limits: &Limits, now: UnixTime) -> Result<Offer, Error> {
        let answer = UnpaidAnswer {
            url: self.url,
            status: self.status,
            headers: self.headers,
            body: self.body,
        };
        let (offer, invoice, amount) = examine(&answer, &self.payer, now).into_sound()?;
        let origin = self.url.origin().ascii_serialization();
        Ok(Offer {
            quote: Quote {
                policy: offer.policy,
                ..quote(&invoice, offer.bolt11, amount, origin, limits)
            },
            network: invoice.network,
            scheme: offer.scheme,
            token: offer.token,
            valid_until: offer.valid_until,
        })
    }
}

/// Returns the quote of an invoice, without a policy.
pub(crate) fn quote(
    invoice: &Invoice,
    bolt11: String,
    amount: Msat,
    origin: String,
    limits: &Limits,
) -> Quote {
    // The quote names what may really be spent. An amount over the limit is refused later, when the
    // limits are held against the journal, so that one place alone decides.
    let per_request = limits.of(BudgetLimit::PerRequest);
    let fee_left = per_request.and_then(|most| most.checked_sub(amount));
    let max_fee = limits.max_fee(amount);
    let description = invoice.description.as_deref().unwrap_or_default();
    Quote {
        origin,
        amount,
        max_fee: fee_left.map_or(max_fee, |left| left.min(max_fee)),
        payee: hex::encode(invoice.payee),
        // The journal knows.
        payee_before: None,
        payment_hash: invoice.payment_hash,
        invoice: bolt11,
        // The seller's text, on the buyer's terminal.
        description: l402::text::escape_within(description, DESCRIPTION_CHARS),
        expires: invoice.expires,
        policy: None,
    }
}

/// Checks that an invoice still has time enough left to be paid.
pub(crate) fn still_payable(expires: UnixTime, now: UnixTime) -> Result<(), Error> {
    Ok(examine::still_payable(expires, now)?)
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::refused(fault.reason, fault.detail)
    }
}
