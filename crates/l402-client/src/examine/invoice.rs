//! The rules of an invoice, whether a challenge brought it or a person.

use l402::{Invoice, Msat, Network, UnixTime};

use super::report::Verdict;
use super::rules::{Fault, Ruling};
use crate::Refused;

/// The least time that an invoice must have left to be paid, in seconds.
const MARGIN_SECS: u64 = 10;
/// The furthest that an invoice may be dated ahead, in seconds. Clocks differ by some minutes.
const AHEAD_SECS: u64 = 5 * 60;

/// A rule about an invoice.
type InvoiceRule = (&'static str, fn(&InvoiceCase<'_>) -> Option<Ruling>);

/// Rules of an invoice, in the order of the report.
pub(super) const OF_AN_INVOICE: &[InvoiceRule] = &[
    ("amount", amount),
    ("network", network),
    ("expiry", expiry),
    ("date", date),
    ("preimage", preimage),
];

/// An invoice whose signature holds, and its buyer.
#[derive(Clone, Copy)]
pub(crate) struct InvoiceCase<'a> {
    pub(crate) invoice: &'a Invoice,
    /// The network of the buyer's wallet. `None` accepts any.
    pub(crate) network: Option<Network>,
    pub(crate) now: UnixTime,
}

impl InvoiceCase<'_> {
    /// Returns the amount of an invoice that keeps every rule.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(crate) fn check(&self) -> Result<Msat, Fault> {
        for (_, rule) in OF_AN_INVOICE {
            if let Some(Ruling {
                verdict: Verdict::Unsound,
                refused: Some(reason),
                text,
                ..
            }) = rule(self)
            {
                return Err(Fault::new(reason, text));
            }
        }
        Ok(self.invoice.required_amount()?)
    }
}

fn amount(case: &InvoiceCase<'_>) -> Option<Ruling> {
    Some(match case.invoice.required_amount() {
        Ok(amount) => Ruling::sound(amount.to_string()),
        Err(error) => Fault::from(error).into(),
    })
}

fn network(case: &InvoiceCase<'_>) -> Option<Ruling> {
    let (mine, asked) = (case.network?, case.invoice.network);
    Some(if mine == asked {
        Ruling::sound(format!("the invoice is for {asked}"))
    } else {
        let detail = format!("the invoice is for {asked} and the wallet is on {mine}");
        Fault::new(Refused::WrongNetwork, detail).into()
    })
}

fn expiry(case: &InvoiceCase<'_>) -> Option<Ruling> {
    let check = still_payable(case.invoice.expires, case.now);
    Some(Ruling::of(
        check,
        "the invoice has time enough left to be paid",
    ))
}

/// Checks that an invoice has time enough left to be paid.
pub(crate) fn still_payable(expires: UnixTime, now: UnixTime) -> Result<(), Fault> {
    if expires.since(now).as_secs() < MARGIN_SECS {
        let detail = "the invoice has expired, or has less than 10 s left; ask again for a new one";
        return Err(Fault::new(Refused::InvoiceExpired, detail));
    }
    Ok(())
}

fn date(case: &InvoiceCase<'_>) -> Option<Ruling> {
    let ahead = case.invoice.created.since(case.now).as_secs();
    Some(if ahead > AHEAD_SECS {
        let detail = "the invoice is dated more than five minutes ahead; check the clock";
        Fault::new(Refused::InvoiceFromFuture, detail).into()
    } else {
        Ruling::sound("the invoice is not dated ahead")
    })
}

fn preimage(case: &InvoiceCase<'_>) -> Option<Ruling> {
    // If everybody knows the preimage, a routing node can keep the money, and anybody can use the
    // credential.
    Some(if case.invoice.payment_hash.has_public_preimage() {
        let detail = "anybody knows the preimage of the invoice's payment hash";
        Fault::new(Refused::WrongHash, detail).into()
    } else {
        Ruling::sound("the preimage of the payment hash is not a public one")
    })
}
