//! From a 402 to an offer that may be paid: every check before money moves.
//!
//! The amount has one source, the signature-checked invoice. Whatever else names an amount, a
//! hash or a network must agree with it, or nothing is paid.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use l402::inspect::{Inspection, inspect};
use l402::{
    Challenge, ChallengeError, Challenges, Invoice, InvoiceError, Msat, Network, Policy, Scheme,
    UnixTime,
};
use serde_json::Value;

use crate::examine::crosscheck;
use crate::{Error, Limits, Quote, Refused};

/// The least time that an invoice must have left, in seconds.
const MARGIN_SECS: u64 = 10;
/// How far ahead an invoice may be dated, in seconds.
const AHEAD_SECS: u64 = 5 * 60;
/// How much of an invoice's words is shown, in characters.
const DESCRIPTION_CHARS: usize = 200;

/// An offer that passed every check.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) quote: Quote,
    pub(crate) network: Network,
    pub(crate) scheme: Scheme,
    pub(crate) token: String,
    pub(crate) valid_until: Option<UnixTime>,
}

/// A 402, and what it is held against.
pub(crate) struct Asked<'a> {
    pub(crate) origin: String,
    pub(crate) headers: &'a HeaderMap,
    /// The body where it is JSON of at most 64 KiB.
    pub(crate) body: Option<Value>,
    /// The wallet's network; without a wallet any will do, for nothing is paid.
    pub(crate) network: Option<Network>,
    pub(crate) limits: &'a Limits,
    pub(crate) now: UnixTime,
}

impl Asked<'_> {
    /// The cheapest of the sound offers; the first fault where none is sound.
    pub(crate) fn offer(&self) -> Result<Offer, Error> {
        let lines = self.headers.get_all(WWW_AUTHENTICATE);
        let challenges = Challenges::parse(lines.iter().map(http::HeaderValue::as_bytes))
            .map_err(|error| self.unreadable(error, &Challenges::default()))?;
        let payable = challenges
            .payable()
            .map_err(|error| self.unreadable(error, &challenges))?;
        let mut fault = None;
        let mut best: Option<Offer> = None;
        for challenge in &payable {
            match self.check(challenge, &challenges) {
                Ok(offer)
                    if best
                        .as_ref()
                        .is_none_or(|b| offer.quote.amount < b.quote.amount) =>
                {
                    best = Some(offer);
                }
                Ok(_) => {}
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        best.ok_or_else(|| {
            fault.unwrap_or_else(|| Error::refused(Refused::NothingPayable, "no challenge is left"))
        })
    }

    fn unreadable(&self, error: ChallengeError, challenges: &Challenges) -> Error {
        let reason = match error {
            ChallengeError::Ambiguous => Refused::Ambiguous,
            ChallengeError::Missing => {
                return Error::refused(Refused::NothingPayable, self.other_protocol(challenges));
            }
            ChallengeError::TooLarge => Refused::ChallengeTooLarge,
            _ => Refused::ChallengeMalformed,
        };
        Error::refused(reason, error.to_string())
    }

    /// What a 402 without a challenge of ours seems to be.
    fn other_protocol(&self, challenges: &Challenges) -> String {
        if self
            .body
            .as_ref()
            .is_some_and(|body| body.get("payment_request_url").is_some())
        {
            return "the answer speaks another protocol of the same name, with offers in its body \
                    and a payment_request_url; this client pays Lightning challenges in \
                    www-authenticate only"
                .into();
        }
        let schemes: Vec<_> = challenges
            .iter()
            .map(|c| crosscheck::displayed(c.scheme(), 20))
            .take(4)
            .collect();
        if schemes.is_empty() {
            "the answer is 402 without a www-authenticate challenge".into()
        } else {
            format!(
                "the answer asks for the schemes {} and not for L402",
                schemes.join(", ")
            )
        }
    }

    fn check(&self, challenge: &Challenge, all: &Challenges) -> Result<Offer, Error> {
        let text = challenge.invoice();
        let invoice = Invoice::decode(text).map_err(of_invoice)?;
        let amount = invoice.required_amount().map_err(of_invoice)?;
        self.check_network(&invoice)?;
        self.check_time(&invoice)?;
        if invoice.payment_hash.is_known() {
            let detail = "anybody knows the preimage of the invoice's payment hash";
            return Err(Error::refused(Refused::WrongHash, detail));
        }
        let token = inspect(challenge.token()).ok();
        let said = crosscheck::Said {
            invoice: &invoice,
            amount,
        };
        let terms = token
            .as_ref()
            .map_or(Ok(Terms::default()), |token| terms(&said, token))?;
        said.check_body(self.body.as_ref())?;
        said.check_header(self.headers)?;
        said.check_payment_challenges(all)?;
        Ok(Offer {
            quote: self.quote(&invoice, amount, text, terms.policy),
            network: invoice.network,
            scheme: challenge.scheme(),
            token: challenge.token().to_owned(),
            valid_until: terms.valid_until,
        })
    }

    fn check_network(&self, invoice: &Invoice) -> Result<(), Error> {
        match self.network {
            Some(mine) if mine != invoice.network => Err(Error::refused(
                Refused::WrongNetwork,
                format!(
                    "the invoice is for {} and the wallet is on {mine}",
                    invoice.network
                ),
            )),
            _ => Ok(()),
        }
    }

    fn check_time(&self, invoice: &Invoice) -> Result<(), Error> {
        if invoice.created.since(self.now).as_secs() > AHEAD_SECS {
            let detail = "the invoice is dated more than five minutes ahead; check the clock";
            return Err(Error::refused(Refused::InvoiceFromFuture, detail));
        }
        still_payable(invoice.expires, self.now)
    }

    fn quote(&self, invoice: &Invoice, amount: Msat, text: &str, policy: Option<Policy>) -> Quote {
        let room = self.limits.per_request.checked_sub(amount);
        let max_fee = self.limits.max_fee(amount);
        let words = invoice.description.as_deref().unwrap_or_default();
        Quote {
            origin: self.origin.clone(),
            amount,
            max_fee: room.map_or(max_fee, |room| room.min(max_fee)),
            payee: hex::encode(invoice.payee),
            payment_hash: invoice.payment_hash,
            invoice: text.to_owned(),
            description: crosscheck::displayed(words, DESCRIPTION_CHARS),
            expires: invoice.expires,
            policy,
        }
    }
}

/// Whether an invoice has time enough left to be paid.
pub(crate) fn still_payable(expires: UnixTime, now: UnixTime) -> Result<(), Error> {
    if expires.since(now).as_secs() < MARGIN_SECS {
        let detail = "the invoice has expired, or has less than 10 s left; ask again for a new one";
        return Err(Error::refused(Refused::InvoiceExpired, detail));
    }
    Ok(())
}

pub(crate) fn of_invoice(error: InvoiceError) -> Error {
    let reason = match error {
        InvoiceError::Amountless => Refused::Amountless,
        InvoiceError::Signature => Refused::InvoiceSignature,
        _ => Refused::InvoiceMalformed,
    };
    Error::refused(reason, error.to_string())
}

/// What a readable token says was bought.
#[derive(Default)]
struct Terms {
    policy: Option<Policy>,
    valid_until: Option<UnixTime>,
}

/// Holds a token against the invoice. Later caveats narrow, so the last of a kind counts.
fn terms(said: &crosscheck::Said<'_>, token: &Inspection) -> Result<Terms, Error> {
    if let Some(hash) = token.payment_hash {
        said.check_hash("the token", hash)?;
    }
    let mut terms = Terms::default();
    let pairs = token
        .caveats
        .iter()
        .filter_map(|caveat| caveat.text.split_once('='));
    for (name, value) in pairs {
        if name == "payment_hash" {
            said.check_hash_text("the token's caveat payment_hash", value)?;
        } else if name.ends_with("_price_msat") {
            let price = value.parse().ok().map(Msat::new);
            said.check_amount("the token's caveat price_msat", price)?;
        } else if name.ends_with("_network") {
            said.check_network_name("the token's caveat network", value)?;
        } else if name.ends_with("_policy") {
            terms.policy = value.parse().ok();
        } else if name.ends_with("_valid_until") {
            terms.valid_until = value.parse().ok().map(UnixTime::from_secs);
        }
    }
    Ok(terms)
}
