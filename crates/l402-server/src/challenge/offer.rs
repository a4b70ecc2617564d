//! An offer: an invoice that was checked, and the token that belongs to it.

use std::sync::Arc;
use std::time::Duration;

use l402::{Challenge, Msat, Network, PaymentHash, Policy, UnixTime, mint};
use l402_lightning::NewInvoice;
use serde::Serialize;

use super::randomness;
use crate::observe::Offered;
use crate::table::{Priced, Snapshot};

/// The text for the log while nothing can be sold.
const REVOKED_IN_ADVANCE: &str = "what is minted now would count as revoked, until the next key number \
                                  begins (`l402 keys rotate`)";

/// An invoice and its token, ready to be sent as a challenge.
#[derive(Debug)]
pub(crate) struct Offer {
    challenge: Challenge,
    lsat_line: bool,
    /// The amount of the invoice: the price, or the price rounded up to a satoshi.
    price: Msat,
    payment_hash: PaymentHash,
    expires: UnixTime,
    /// The time from the offer to the end of its invoice.
    lasts: Duration,
    policy: Policy,
    description: Arc<str>,
}

/// An offer as a page shows it to a person: see [`Refusal::offer`](crate::Refusal::offer).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OfferView<'a> {
    /// The amount of the invoice, which the buyer pays.
    pub price: Msat,
    /// The invoice (BOLT 11), as the node wrote it.
    pub invoice: &'a str,
    /// The payment hash of the invoice.
    pub payment_hash: PaymentHash,
    /// The token in base64, as the challenge gives it.
    pub token: &'a str,
    /// The last moment to pay.
    pub expires: UnixTime,
    /// The time from the offer to its last moment, in whole seconds. A browser counts it down without a clock
    /// that is right.
    pub lasts: Duration,
    /// The goods of one payment.
    pub policy: Policy,
    /// The text of the invoice that the payer's wallet shows.
    pub description: &'a str,
}

impl Offer {
    /// Checks the invoice against the price, and mints its token.
    ///
    /// # Errors
    /// A text for the log; nothing may be offered then.
    pub(crate) fn new(
        made: &NewInvoice,
        priced: &Priced,
        snapshot: &Snapshot,
        now: UnixTime,
        lsat_line: bool,
    ) -> Result<Self, String> {
        // Again, whichever backend made it: a node may answer with another amount, network or end
        // (ATTACKS P-13). The signature is not checked here: no payer pays a broken one.
        let amount = check(made, priced, snapshot.network(), now)?;
        let randomness =
            randomness::token_part().map_err(|error| format!("no randomness: {error}"))?;
        // A token's life is counted from the end of its invoice: a buyer who pays in the last
        // second gets all of it.
        let mut terms = priced.terms(snapshot.network(), made.expires());
        terms.price = amount;
        // With it in the token, the node can be asked after a restart, and nothing is stored.
        terms.lookup = made.reference().map(str::to_owned);
        if snapshot.has_revoked_in_advance(&terms) {
            return Err(REVOKED_IN_ADVANCE.to_owned());
        }
        let token = mint(
            snapshot.keys(),
            &terms,
            made.payment_hash(),
            randomness,
            now,
        )
        .map_err(|error| format!("no token: {error}"))?;
        let challenge = Challenge::new(&token.to_base64(), made.bolt11())
            .map_err(|error| format!("no challenge: {error}"))?;
        Ok(Self {
            challenge,
            lsat_line,
            price: amount,
            payment_hash: made.payment_hash(),
            expires: made.expires(),
            lasts: made.expires().since(now),
            policy: priced.policy,
            description: priced.memo.as_str().into(),
        })
    }

    /// Returns the facts of the offer that may be told to an observer.
    pub(crate) fn facts(&self) -> Offered {
        Offered {
            payment_hash: self.payment_hash,
            amount: self.price,
            expires: self.expires,
        }
    }

    /// Returns the offer as a page shows it.
    pub(crate) fn view(&self) -> OfferView<'_> {
        OfferView {
            price: self.price,
            invoice: self.challenge.invoice(),
            payment_hash: self.payment_hash,
            token: self.challenge.token(),
            expires: self.expires,
            lasts: self.lasts,
            policy: self.policy,
            description: &self.description,
        }
    }

    /// Returns the lines of `www-authenticate`, in the order in which they are sent.
    pub(crate) fn header_lines(&self) -> Vec<String> {
        let lsat = self.lsat_line.then(|| self.challenge.to_lsat_header());
        lsat.into_iter()
            .chain([self.challenge.to_header()])
            .collect()
    }

    /// Returns the fields of the problem document. The price in satoshi is rounded up: a buyer must
    /// be ready to pay that much.
    pub(crate) fn fields(&self) -> OfferFields<'_> {
        let token = self.challenge.token();
        OfferFields {
            price_sats: self.price.ceil_sat(),
            price_msat: self.price.msat(),
            invoice: self.challenge.invoice(),
            payment_hash: self.payment_hash.to_string(),
            // One value under both of the names that clients look for.
            macaroon: token,
            token,
            expires_at: self.expires.to_rfc3339(),
            description: &self.description,
        }
    }
}

/// The fields of a problem document that describe an offer. They are a wire format.
#[derive(Serialize)]
pub(crate) struct OfferFields<'a> {
    price_sats: u64,
    price_msat: u64,
    invoice: &'a str,
    payment_hash: String,
    macaroon: &'a str,
    token: &'a str,
    expires_at: String,
    description: &'a str,
}

/// Checks the terms of an invoice against the price, and returns its amount.
fn check(
    made: &NewInvoice,
    priced: &Priced,
    network: Network,
    now: UnixTime,
) -> Result<Msat, String> {
    // A node that knows nothing finer than a satoshi rounds up, and nothing else is let pass.
    let rounded_up = Msat::from_sat(priced.price.ceil_sat());
    let is_price = |amount: &Msat| [priced.price, rounded_up].contains(amount);
    let amount = made.terms().amount.filter(is_price);
    let (terms, latest) = (made.terms(), priced.longest_invoice());
    let differences = [
        (amount.is_none(), "amount"),
        (terms.network != network, "network"),
        (now >= terms.expires, "expiry"),
        (terms.expires.since(now) > latest, "expiry"),
    ];
    match differences.iter().find(|(differs, _)| *differs) {
        Some((_, field)) => Err(format!(
            "the node's invoice has another {field} than was asked"
        )),
        None => amount.ok_or_else(|| "the node's invoice has no amount".to_owned()),
    }
}
