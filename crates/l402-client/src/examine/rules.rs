//! The rules. The purchase and the report use the same functions.
//!
//! A rule returns `None` if there is nothing for it to judge, for example no body.

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use l402::{ChallengeError, Challenges, InvoiceError, PaymentHash};

use super::answer::Case;
use super::body_challenge::in_body;
use super::charge::charges;
use super::crosscheck::{Charges, InvoiceFacts, charge_hashes};
use super::offer::{OfferCase, Offered, caveats};
use super::other_protocol::describe;
use super::report::Verdict;
use crate::origin::is_private;
use crate::{CredentialScheme, Refused};

/// A rule with its name. It returns `None` if it does not apply.
pub(super) type Rule<T> = (&'static str, fn(&T) -> Option<Ruling>);
/// A rule about the answer as a whole.
type AnswerRule = (&'static str, fn(&Case<'_>) -> Option<Ruling>);
/// A rule about one offer.
type OfferRule = (&'static str, fn(&OfferCase<'_>) -> Option<Ruling>);

/// Rules of the answer as a whole, in the order of the report.
pub(super) const OF_THE_ANSWER: &[AnswerRule] =
    &[("origin", origin), ("status", status), ("cache", cache)];

/// Rules of one offer, behind those of its invoice. The first that is broken is the reason of a
/// refusal.
pub(super) const OF_AN_OFFER: &[OfferRule] = &[
    ("payment hash", payment_hash),
    ("caveats", token_caveats),
    ("body", body),
    ("price header", price_header),
    ("payment challenge", payment_challenge),
];

/// Rules of the body as a document for programs. None of them stops a purchase.
pub(super) const OF_THE_DOCUMENT: &[AnswerRule] = &[
    ("problem document", problem_document),
    ("problem status", problem_status),
];

/// The judgement of one rule.
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    /// True if the client does not pay when the rule is broken.
    pub(super) is_required: bool,
    pub(super) text: String,
    pub(super) refused: Option<Refused>,
}

impl Ruling {
    pub(super) fn sound(text: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Sound,
            is_required: true,
            text: text.into(),
            refused: None,
        }
    }

    /// Returns the judgement of a rule that does not stop a purchase.
    pub(super) fn advice(is_kept: bool, text: impl Into<String>) -> Self {
        let verdict = if is_kept {
            Verdict::Sound
        } else {
            Verdict::Remark
        };
        Self {
            verdict,
            is_required: false,
            ..Self::sound(text)
        }
    }

    /// Returns the judgement of a check, with the text of its fault or else with `sound`.
    pub(super) fn of(check: Result<(), Fault>, sound: impl Into<String>) -> Self {
        match check {
            Ok(()) => Self::sound(sound),
            Err(fault) => fault.into(),
        }
    }
}

/// The reason for which a buyer does not pay.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Refused,
    pub(crate) detail: String,
}

impl Fault {
    pub(super) fn new(reason: Refused, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { reason, detail }
    }
}

impl From<Fault> for Ruling {
    fn from(fault: Fault) -> Self {
        Self {
            verdict: Verdict::Unsound,
            refused: Some(fault.reason),
            ..Self::sound(fault.detail)
        }
    }
}

impl From<InvoiceError> for Fault {
    fn from(error: InvoiceError) -> Self {
        let reason = match error {
            InvoiceError::Amountless => Refused::Amountless,
            InvoiceError::Signature => Refused::InvoiceSignature,
            _ => Refused::InvoiceMalformed,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<ChallengeError> for Fault {
    fn from(error: ChallengeError) -> Self {
        let reason = match error {
            ChallengeError::Ambiguous => Refused::Ambiguous,
            ChallengeError::Missing => Refused::NothingPayable,
            ChallengeError::TooLarge => Refused::ChallengeTooLarge,
            _ => Refused::ChallengeMalformed,
        };
        Self::new(reason, error.to_string())
    }
}

fn origin(case: &Case<'_>) -> Option<Ruling> {
    // The buyer has accepted the risk, so there is nothing to judge.
    if case.payer.plain_http {
        return None;
    }
    Some(if is_private(case.answer.url) {
        Ruling::sound("a credential can be sent here in private")
    } else {
        let detail = "a credential over plain http can be taken by whoever listens; use https";
        Fault::new(Refused::InsecureOrigin, detail).into()
    })
}

fn status(case: &Case<'_>) -> Option<Ruling> {
    let status = case.answer.status;
    let text = format!("{}, where 402 asks for payment", status.as_u16());
    let ruling = Ruling::sound(text);
    Some(if status == StatusCode::PAYMENT_REQUIRED {
        ruling
    } else {
        // A free answer is refused by nobody, but there is nothing to pay for either.
        Ruling {
            verdict: Verdict::Unsound,
            ..ruling
        }
    })
}

fn cache(case: &Case<'_>) -> Option<Ruling> {
    let cache = case.answer.header(&CACHE_CONTROL);
    let no_store = cache.to_ascii_lowercase().contains("no-store");
    let text = match cache {
        "" => "no cache-control; no-store keeps an invoice from being shown to two buyers".into(),
        _ => format!("cache-control is {cache}; a challenge needs no-store"),
    };
    Some(Ruling::advice(no_store, text))
}

/// The offers that can be paid, and the place where they stand.
pub(super) struct Payable {
    pub(super) offers: Vec<Offered>,
    pub(super) in_body: bool,
}

/// Returns the offers that can be paid: those of L402, or else of `Payment`.
pub(super) fn payable(case: &Case<'_>) -> Result<Payable, Fault> {
    let found = case.challenges.as_ref().map_err(|error| *error);
    let (offers, in_body) = match found.and_then(Challenges::payable) {
        Ok(challenges) => (challenges.into_iter().map(Offered::from).collect(), false),
        // Only where no header line speaks of L402: a broken one is no reason to look elsewhere.
        Err(ChallengeError::Missing) => match (charges(case), in_body(case)) {
            (Some(charges), _) => (charges?, false),
            (None, Some(challenge)) => (vec![challenge?.into()], true),
            (None, None) => {
                return Err(Fault::new(Refused::NothingPayable, describe(case)));
            }
        },
        Err(error) => return Err(error.into()),
    };
    Ok(Payable { offers, in_body })
}

fn payment_hash(offer: &OfferCase<'_>) -> Option<Ruling> {
    if offer.scheme == CredentialScheme::Payment {
        return None;
    }
    // Remarks, not faults: the specification leaves the format of a token to its server.
    let Some(token) = offer.token else {
        let text = "the token is opaque; a buyer cannot check that it is about this invoice";
        return Some(Ruling::advice(false, text));
    };
    let Some(hash) = token.payment_hash else {
        let text = "the token does not say which payment it is for; a buyer cannot check";
        return Some(Ruling::advice(false, text));
    };
    // A server refuses the token of another payment, but only after the money is gone.
    let check = InvoiceFacts::new(offer.invoice).check_hash("the token", hash);
    Some(Ruling::of(
        check,
        "token and invoice are about the same payment",
    ))
}

fn token_caveats(offer: &OfferCase<'_>) -> Option<Ruling> {
    let mut caveats = caveats(offer.token?);
    let facts = InvoiceFacts::new(offer.invoice);
    let check = caveats.try_for_each(|(name, value)| facts.check_caveat(name, value));
    Some(Ruling::of(
        check,
        "no caveat of the token contradicts the invoice",
    ))
}

fn body(offer: &OfferCase<'_>) -> Option<Ruling> {
    let document = offer.case.document.as_ref()?;
    let check = InvoiceFacts::new(offer.invoice).check_body(document, &other_hashes(offer));
    Some(Ruling::of(
        check,
        "no field of the body contradicts the invoice",
    ))
}

/// Returns the payment hashes of the `Payment` challenges of the same answer, of which a body may
/// speak as well.
fn other_hashes(offer: &OfferCase<'_>) -> Vec<PaymentHash> {
    let all = offer.case.challenges.iter();
    all.flat_map(charge_hashes).collect()
}

fn price_header(offer: &OfferCase<'_>) -> Option<Ruling> {
    let price = offer.case.answer.headers.get("x-l402-price-sats")?;
    let check = InvoiceFacts::new(offer.invoice).check_price_header(price);
    Some(Ruling::of(
        check,
        "x-l402-price-sats agrees with the invoice",
    ))
}

fn payment_challenge(offer: &OfferCase<'_>) -> Option<Ruling> {
    let all = offer.case.challenges.as_ref().ok()?;
    Some(match InvoiceFacts::new(offer.invoice).judge_charges(all)? {
        Charges::Apart => {
            Ruling::sound("the Payment challenge beside it is about a payment of its own")
        }
        Charges::Dearer(price) => {
            let text = format!("the Payment challenge beside it asks more, {price}");
            Ruling::advice(false, text)
        }
        Charges::Fault(fault) => fault.into(),
        Charges::Same if offer.scheme == CredentialScheme::Payment => {
            Ruling::sound("the Payment challenge agrees with its invoice")
        }
        Charges::Same => Ruling::sound("the Payment challenge beside it sells the same"),
    })
}

fn problem_document(case: &Case<'_>) -> Option<Ruling> {
    let kind = case.answer.header(&CONTENT_TYPE);
    let text = match kind {
        "" => "no content-type; application/problem+json tells programs what to do".into(),
        _ => format!("content-type is {kind}"),
    };
    Some(Ruling::advice(is_problem(kind), text))
}

fn is_problem(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("application/problem+json")
}

fn problem_status(case: &Case<'_>) -> Option<Ruling> {
    if !is_problem(case.answer.header(&CONTENT_TYPE)) {
        return None;
    }
    let document = case.document.as_ref();
    let status = document.and_then(|json| json.get("status")?.as_u64());
    let agrees = status == Some(u64::from(case.answer.status.as_u16()));
    Some(Ruling::advice(
        agrees,
        "the document repeats the status".to_owned(),
    ))
}
