//! One offer of an answer, which is a token and an invoice.

use l402::inspect::Inspection;
use l402::{Challenge, Invoice, Policy, UnixTime};

use super::answer::Case;
use crate::CredentialScheme;

/// The offer that a report is about, as far as it can be read.
#[derive(Clone)]
#[non_exhaustive]
pub struct ExaminedOffer {
    /// The scheme of the challenge, under which its credential is presented.
    pub scheme: CredentialScheme,
    /// The token, byte for byte. Of a `Payment` challenge, the challenge as a JSON object.
    pub token: String,
    /// The invoice as the server wrote it.
    pub bolt11: String,
    /// The invoice, if it can be decoded and its signature holds.
    pub invoice: Option<Invoice>,
    /// The policy that the token names, if it names one.
    pub policy: Option<Policy>,
    /// The end of the token, if it names one.
    pub valid_until: Option<UnixTime>,
}

impl ExaminedOffer {
    pub(super) fn new(
        offered: &Offered,
        invoice: Option<Invoice>,
        token: Option<&Inspection>,
    ) -> Self {
        let mut offer = Self {
            scheme: offered.scheme,
            token: offered.token.clone(),
            bolt11: offered.invoice.clone(),
            invoice,
            policy: None,
            valid_until: None,
        };
        // Later caveats narrow, so the last of a kind counts.
        for (name, value) in token.into_iter().flat_map(caveats) {
            if name.ends_with("_policy") {
                offer.policy = value.parse().ok();
            } else if name.ends_with("_valid_until") {
                offer.valid_until = value.parse().ok().map(UnixTime::from_secs);
            }
        }
        offer
    }
}

/// A challenge that can be paid, of whatever scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) scheme: CredentialScheme,
    pub(super) token: String,
    pub(super) invoice: String,
}

impl From<Challenge> for Offered {
    fn from(challenge: Challenge) -> Self {
        Self {
            scheme: challenge.scheme().into(),
            token: challenge.token().to_owned(),
            invoice: challenge.invoice().to_owned(),
        }
    }
}

/// An offer whose invoice can be decoded, with everything that the rules compare it with.
pub(super) struct OfferCase<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) scheme: CredentialScheme,
    pub(super) invoice: &'a Invoice,
    /// The token, read for display, if its format is known.
    pub(super) token: Option<&'a Inspection>,
}

/// Returns the caveats of a token that have a name and a value.
pub(super) fn caveats(token: &Inspection) -> impl Iterator<Item = (&str, &str)> {
    let texts = token.caveats.iter().map(|caveat| caveat.text.as_str());
    // At the first `=`, for a value such as `uses=10` holds one itself.
    texts.filter_map(|text| text.split_once('='))
}
