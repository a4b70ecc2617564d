//! The report on an answer: every rule that applies, and the offer that a buyer would take.

use l402::inspect::inspect;
use l402::{Challenges, Invoice, Msat, UnixTime};

use super::answer::{Case, Payer, UnpaidAnswer};
use super::invoice::{InvoiceCase, OF_AN_INVOICE};
use super::offer::{ExaminedOffer, OfferCase, Offered};
use super::rules::{
    self, Fault, OF_AN_OFFER, OF_THE_ANSWER, OF_THE_DOCUMENT, Payable, Rule, Ruling,
};
use crate::{CredentialScheme, Refused};

/// The verdict of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rule is broken, but the client pays nevertheless.
    Remark,
    /// The rule is kept.
    Sound,
    /// The rule is broken, and the client does not pay.
    Unsound,
}

/// One rule, and its verdict on the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name of the rule, e.g. `payment hash`.
    pub rule: &'static str,
    /// The verdict of the rule.
    pub verdict: Verdict,
    /// True if the client does not pay when the rule is broken. False for every remark.
    pub is_required: bool,
    /// The finding, for people. May hold the server's own text: escape it for a terminal.
    pub text: String,
    /// The reason for which the client refuses to pay, if the rule gives one.
    pub refused: Option<Refused>,
}

/// All findings about one answer.
#[derive(Clone)]
#[non_exhaustive]
pub struct Report {
    /// The findings, in the order in which the rules were applied.
    pub findings: Vec<Finding>,
    /// The offer that the findings are about: the cheapest sound one, or the first if none is
    /// sound. `None` if the answer holds no offer.
    pub offer: Option<ExaminedOffer>,
}

/// Applies every rule to an answer, for a buyer at the time `now`.
#[must_use]
pub fn examine(answer: &UnpaidAnswer<'_>, payer: &Payer, now: UnixTime) -> Report {
    let case = Case {
        answer: *answer,
        payer: *payer,
        now,
        document: answer.document(),
        challenges: Challenges::parse(answer.challenge_lines()),
    };
    // The order matters: the first broken rule becomes the reason of a refusal.
    let mut findings = judge(OF_THE_ANSWER, &case);
    let offer = match rules::payable(&case) {
        Ok(Payable { offers, in_body }) => {
            let is_charge = |one: &Offered| one.scheme == CredentialScheme::Payment;
            let text = "one token and one invoice can be read";
            findings.push(Finding::new("challenge", Ruling::sound(text)));
            if in_body {
                let text = "they stand in the body only; most clients read www-authenticate alone";
                findings.push(Finding::new("header", Ruling::advice(false, text)));
            } else if offers.iter().all(is_charge) {
                let text = "they stand in a Payment challenge, with no L402 beside it; buyers of L402 \
                            alone cannot pay it";
                findings.push(Finding::new("scheme", Ruling::advice(false, text)));
            }
            findings.push(Finding::new("one offer", one_offer(offers.len())));
            let chosen = choose(&case, &offers);
            chosen.map(|chosen| {
                findings.extend(chosen.findings);
                chosen.offer
            })
        }
        Err(fault) => {
            findings.push(Finding::new("challenge", fault.into()));
            None
        }
    };
    findings.extend(judge(OF_THE_DOCUMENT, &case));
    Report { findings, offer }
}

/// Applies a list of rules. Leaves out those that have nothing to judge.
fn judge<T>(rules: &[Rule<T>], subject: &T) -> Vec<Finding> {
    let findings = rules
        .iter()
        .filter_map(|(name, rule)| Some(Finding::new(name, rule(subject)?)));
    findings.collect()
}

fn one_offer(count: usize) -> Ruling {
    match count {
        0 | 1 => Ruling::advice(true, "one price for one token"),
        several => {
            let text = format!("{several} different offers; a buyer takes the cheapest sound one");
            Ruling::advice(false, text)
        }
    }
}

/// An offer with the findings about it.
struct Candidate {
    findings: Vec<Finding>,
    offer: ExaminedOffer,
}

impl Candidate {
    fn examine(case: &Case<'_>, offered: &Offered) -> Self {
        // An opaque token is allowed, so it is no fault if this cannot read it. One of a `Payment`
        // challenge is the challenge, and says nothing that is meant for the buyer.
        let is_token = offered.scheme != CredentialScheme::Payment;
        let token = is_token.then(|| inspect(&offered.token).ok()).flatten();
        let invoice = match Invoice::decode(&offered.invoice) {
            Ok(invoice) => invoice,
            // Every further rule compares with the invoice.
            Err(error) => {
                return Self {
                    findings: vec![Finding::new("invoice", Fault::from(error).into())],
                    offer: ExaminedOffer::new(offered, None, token.as_ref()),
                };
            }
        };
        let text = "BOLT 11, and its signature holds";
        let mut findings = vec![Finding::new("invoice", Ruling::sound(text))];
        findings.extend(judge(
            OF_AN_INVOICE,
            &InvoiceCase {
                invoice: &invoice,
                network: case.payer.network,
                now: case.now,
            },
        ));
        findings.extend(judge(
            OF_AN_OFFER,
            &OfferCase {
                case,
                scheme: offered.scheme,
                invoice: &invoice,
                token: token.as_ref(),
            },
        ));
        Self {
            findings,
            offer: ExaminedOffer::new(offered, Some(invoice), token.as_ref()),
        }
    }

    fn amount(&self) -> Option<Msat> {
        self.offer.invoice.as_ref()?.amount
    }
}

/// Returns the cheapest sound offer, or the first offer if none is sound.
fn choose(case: &Case<'_>, offers: &[Offered]) -> Option<Candidate> {
    // All are judged before one is chosen, or a cheap unsound offer would hide a sound one. Of equal
    // prices the server's first is kept.
    let mut all: Vec<Candidate> = offers
        .iter()
        .map(|offered| Candidate::examine(case, offered))
        .collect();
    let sound = all.iter().enumerate();
    let sound = sound.filter(|(_, candidate)| is_sound(&candidate.findings));
    let cheapest = sound.min_by_key(|(_, candidate)| candidate.amount());
    let at = cheapest.map_or(0, |(at, _)| at);
    (at < all.len()).then(|| all.swap_remove(at))
}

fn is_sound(findings: &[Finding]) -> bool {
    findings.iter().all(|one| one.verdict != Verdict::Unsound)
}

impl Finding {
    fn new(rule: &'static str, ruling: Ruling) -> Self {
        Self {
            rule,
            verdict: ruling.verdict,
            is_required: ruling.is_required,
            text: ruling.text,
            refused: ruling.refused,
        }
    }
}

impl Report {
    /// Returns true if the client would pay: no rule that it insists on is broken.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        is_sound(&self.findings)
    }

    /// Returns the offer to pay, with its invoice and amount.
    ///
    /// # Errors
    /// The first fault, if the answer is unsound.
    pub(crate) fn into_sound(self) -> Result<(ExaminedOffer, Invoice, Msat), Fault> {
        let broken = self
            .findings
            .into_iter()
            .find(|one| one.verdict == Verdict::Unsound);
        if let Some(broken) = broken {
            // Only the rule on the status breaks without a reason of its own.
            let reason = broken.refused.unwrap_or(Refused::NothingPayable);
            return Err(Fault::new(reason, broken.text));
        }
        let sound = self.offer.and_then(|offer| {
            let invoice = offer.invoice.clone()?;
            let amount = invoice.amount?;
            Some((offer, invoice, amount))
        });
        sound.ok_or_else(|| Fault::new(Refused::NothingPayable, "no challenge is left"))
    }
}
