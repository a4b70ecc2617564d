//! An offer: an invoice that was checked, and the token that its preimage opens.

use std::sync::Arc;

use l402::{Challenge, Msat, Network, PaymentHash, UnixTime, mint};
use l402_lightning::NewInvoice;
use serde::Serialize;

use crate::table::{Priced, Snapshot};

/// What a challenge offers.
#[derive(Debug)]
pub(crate) struct Offer {
    challenge: Challenge,
    lsat_line: bool,
    price: Msat,
    payment_hash: PaymentHash,
    expires: UnixTime,
    description: Arc<str>,
}

impl Offer {
    /// Compares the invoice with the price again, whichever backend made it (ATTACKS P-13), and
    /// mints its token. The signature is between backend and payer: no buyer pays a broken one.
    ///
    /// # Errors
    /// A fragment for the log; nothing may be offered then.
    pub(crate) fn new(
        made: &NewInvoice,
        priced: &Priced,
        snapshot: &Snapshot,
        now: UnixTime,
        lsat_line: bool,
    ) -> Result<Self, String> {
        check(made, priced, snapshot.network(), now)?;
        let mut randomness = [0; 30];
        getrandom::fill(&mut randomness).map_err(|error| format!("no randomness: {error}"))?;
        let terms = priced.terms(snapshot.network(), made.expires());
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
            price: priced.price,
            payment_hash: made.payment_hash(),
            expires: made.expires(),
            description: priced.memo.as_str().into(),
        })
    }

    /// The lines of `www-authenticate`, in order.
    pub(crate) fn header_lines(&self) -> Vec<String> {
        let lsat = self.lsat_line.then(|| self.challenge.to_lsat_header());
        lsat.into_iter()
            .chain([self.challenge.to_header()])
            .collect()
    }

    /// What the body says of it. A whole number of satoshi is rounded up: what a buyer must be
    /// ready to pay.
    pub(crate) fn fields(&self) -> OfferFields<'_> {
        let token = self.challenge.token();
        OfferFields {
            price_sats: self.price.ceil_sat(),
            price_msat: self.price.msat(),
            invoice: self.challenge.invoice(),
            payment_hash: self.payment_hash.to_string(),
            macaroon: token,
            token,
            expires_at: self.expires.to_rfc3339(),
            description: &self.description,
        }
    }
}

/// What a problem document says of an offer.
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

fn check(
    made: &NewInvoice,
    priced: &Priced,
    network: Network,
    now: UnixTime,
) -> Result<(), String> {
    let (says, latest) = (made.terms(), priced.invoice_expiry * 2 + SKEW);
    let lies = [
        (says.amount != Some(priced.price), "amount"),
        (says.network != network, "network"),
        (now >= says.expires, "expiry"),
        (says.expires.since(now) > latest, "expiry"),
    ];
    match lies.iter().find(|(lies, _)| *lies) {
        Some((_, field)) => Err(format!(
            "the node's invoice has another {field} than was asked"
        )),
        None => Ok(()),
    }
}

/// How far the node's clock may be ahead of ours.
const SKEW: std::time::Duration = std::time::Duration::from_secs(600);
