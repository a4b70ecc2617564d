//! A `Payment` challenge of the method lightning and the intent charge, as an offer.
//!
//! ```text
//!   Payment id="…", realm="…", method="lightning", intent="charge", request="…"
//!                                                                      │ base64url of JSON
//!              { "amount": "50", "currency": "sat", "methodDetails": { "invoice": "lnbc…" } }
//! ```
//!
//! The token of such an offer is the challenge itself, as the JSON object that its credential sends
//! back. What the request says beside the invoice is held against it by the rules of an offer.

use l402::mpp::decode_object;
use l402::text::bare_invoice;
use l402::{AuthChallenge, Challenges, UnixTime};
use serde_json::{Map, Value};

use super::answer::Case;
use super::crosscheck::is_lightning_charge;
use super::invoice::still_payable;
use super::offer::Offered;
use super::rules::Fault;
use crate::{CredentialScheme, Refused};

/// The largest challenge that is sent back, in bytes of JSON: 8 KiB. Many servers read no longer
/// header, and would refuse it after the payment.
const ECHO_MAX: usize = 8 * 1024;

/// The parameters that a challenge must have, and those that it may have. All are sent back.
const REQUIRED: [&str; 5] = ["id", "realm", "method", "intent", "request"];
const OPTIONAL: [&str; 4] = ["expires", "description", "digest", "opaque"];

/// Returns the offers of the charges in an answer, `None` if it has no charge. Those that cannot be
/// read are left out if another one can.
pub(super) fn charges(case: &Case<'_>) -> Option<Result<Vec<Offered>, Fault>> {
    let all = case.challenges.iter().flat_map(Challenges::iter);
    let charges = all.filter(|one| is_lightning_charge(one));
    let (mut offers, mut first_fault) = (Vec::new(), None);
    for charge in charges {
        match read(charge, case.now) {
            Ok(offer) => offers.push(offer),
            Err(fault) => {
                first_fault.get_or_insert(fault);
            }
        }
    }
    match (offers.is_empty(), first_fault) {
        (true, None) => None,
        (true, Some(fault)) => Some(Err(fault)),
        (false, _) => Some(Ok(offers)),
    }
}

fn read(charge: &AuthChallenge, now: UnixTime) -> Result<Offered, Fault> {
    if charge.is_ambiguous() {
        let detail = "the Payment challenge says two different things";
        return Err(Fault::new(Refused::Ambiguous, detail));
    }
    let mut echo = Map::new();
    for name in REQUIRED {
        let value = charge.param(name).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| malformed(&format!("lacks {name}")))?;
        echo.insert(name.into(), value.into());
    }
    for name in OPTIONAL {
        if let Some(value) = charge.param(name) {
            echo.insert(name.into(), value.into());
        }
    }
    if let Some(expires) = charge.param("expires") {
        let expires = UnixTime::from_rfc3339(expires);
        let expires = expires.map_err(|_| malformed("has an end that is no time"))?;
        // As for an invoice: the credential must arrive before it.
        still_payable(expires, now)?;
    }
    let token = Value::Object(echo).to_string();
    if token.len() > ECHO_MAX {
        let detail = "the Payment challenge is longer than 8 KiB";
        return Err(Fault::new(Refused::ChallengeTooLarge, detail));
    }
    Ok(Offered {
        scheme: CredentialScheme::Payment,
        token,
        invoice: invoice(charge.param("request").unwrap_or_default())?,
    })
}

/// Returns the invoice of a request, which must name an amount in satoshi.
fn invoice(request: &str) -> Result<String, Fault> {
    let request = decode_object(request);
    let request = request.map_err(|_| malformed("has a request that cannot be read"))?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if request.get("amount").is_none_or(Value::is_null) {
        return Err(malformed("names no amount"));
    }
    let currency = text(request.get("currency")).unwrap_or_default();
    if !currency.eq_ignore_ascii_case("sat") {
        return Err(malformed("is not in satoshi"));
    }
    let details = request.get("methodDetails");
    let invoice = text(details.and_then(|details| details.get("invoice")));
    let invoice = invoice.ok_or_else(|| malformed("has no invoice"))?;
    Ok(bare_invoice(&invoice).to_owned())
}

fn malformed(what: &str) -> Fault {
    let detail = format!("the Payment challenge {what}");
    Fault::new(Refused::ChallengeMalformed, detail)
}
