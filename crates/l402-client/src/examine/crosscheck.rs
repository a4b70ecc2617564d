//! The comparison of the invoice with everything else in an answer that names an amount, a payment
//! hash or a network: token, body, headers, a `Payment` challenge. None of it is believed; all of it
//! must agree with the invoice (ATTACKS C-10).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderValue;
use l402::{AuthChallenge, Challenges, Invoice, Msat, Network, PaymentHash};
use serde_json::Value;

use super::rules::Fault;
use crate::Refused;

// With padding or without: only what the text says is compared, so both forms are read.
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Names under which bodies state a price in whole satoshi.
const SAT_FIELDS: [&str; 4] = ["price_sats", "priceSats", "amountSats", "amount_sats"];
const NO_AMOUNT: &str = "something that is no amount";

/// The facts of an invoice whose signature holds, which all else must agree with.
pub(super) struct InvoiceFacts<'a>(&'a Invoice);

impl<'a> InvoiceFacts<'a> {
    pub(super) const fn new(invoice: &'a Invoice) -> Self {
        Self(invoice)
    }

    /// Compares an amount, `None` if it is given but cannot be read.
    fn check_amount(&self, by: &str, amount: Option<Msat>) -> Result<(), Fault> {
        // An invoice without an amount breaks a rule of its own.
        let Some(asked) = self.0.amount else {
            return Ok(());
        };
        match amount {
            Some(amount) if amount == asked => Ok(()),
            Some(amount) => Err(other_amount(asked, by, &amount.to_string())),
            None => Err(other_amount(asked, by, NO_AMOUNT)),
        }
    }

    /// Compares whole satoshi, which agree if the invoice rounds up to them.
    fn check_sats(&self, by: &str, sats: Option<u64>) -> Result<(), Fault> {
        let Some(asked) = self.0.amount else {
            return Ok(());
        };
        // Up and never down: rounded down, a server could name less than it asks for.
        match sats {
            Some(sats) if sats == asked.ceil_sat() => Ok(()),
            Some(sats) => Err(other_amount(asked, by, &format!("{sats} sat"))),
            None => Err(other_amount(asked, by, NO_AMOUNT)),
        }
    }

    pub(super) fn check_hash(&self, by: &str, hash: PaymentHash) -> Result<(), Fault> {
        if hash == self.0.payment_hash {
            return Ok(());
        }
        let detail = format!("{by} is about another payment hash than the invoice");
        Err(Fault::new(Refused::WrongHash, detail))
    }

    fn check_hash_text(&self, by: &str, hash: &str) -> Result<(), Fault> {
        match hash.parse() {
            Ok(hash) => self.check_hash(by, hash),
            Err(_) => {
                let detail = format!("{by} is no payment hash");
                Err(Fault::new(Refused::WrongHash, detail))
            }
        }
    }

    fn check_network_name(&self, by: &str, name: &str) -> Result<(), Fault> {
        if name == self.0.network.name() {
            return Ok(());
        }
        let detail = format!(
            "the invoice is for {}, and {by} names another",
            self.0.network
        );
        Err(Fault::new(Refused::WrongNetwork, detail))
    }

    pub(super) fn check_caveat(&self, name: &str, value: &str) -> Result<(), Fault> {
        // The rest begins with the name of a service, which is the server's choice.
        if name == "payment_hash" {
            self.check_hash_text("the token's caveat payment_hash", value)
        } else if name.ends_with("_price_msat") {
            let price = value.parse().ok().map(Msat::new);
            self.check_amount("the token's caveat price_msat", price)
        } else if name.ends_with("_network") {
            self.check_network_name("the token's caveat network", value)
        } else {
            Ok(())
        }
    }

    /// Compares what a body says. It may name one of `others`, the payments of other challenges of
    /// the same answer.
    pub(super) fn check_body(&self, body: &Value, others: &[PaymentHash]) -> Result<(), Fault> {
        // Some servers nest what belongs to L402 one level down.
        for object in [Some(body), body.get("l402")].into_iter().flatten() {
            if let Some(price) = present(object, "price_msat") {
                self.check_amount("the body's price_msat", whole(price).map(Msat::new))?;
            }
            for name in SAT_FIELDS {
                if let Some(price) = present(object, name) {
                    self.check_sats(&format!("the body's {name}"), whole(price))?;
                }
            }
            let hash = present(object, "payment_hash").and_then(Value::as_str);
            let is_of_another = |text: &&str| text.parse().is_ok_and(|it| others.contains(&it));
            if let Some(hash) = hash.filter(|text| !is_of_another(text)) {
                self.check_hash_text("the body's payment_hash", hash)?;
            }
        }
        Ok(())
    }

    pub(super) fn check_price_header(&self, price: &HeaderValue) -> Result<(), Fault> {
        let text = price.to_str().ok();
        let sats = text.and_then(|text| text.trim().parse().ok());
        self.check_sats("the header x-l402-price-sats", sats)
    }

    /// Judges every `Payment` challenge of the method lightning. Leaves out those whose request cannot
    /// be read. Returns `None` if none is left.
    ///
    /// Challenges are alternatives (RFC 9110, section 11.6.1), and many servers make an invoice for
    /// each. So only one about the same payment must agree with the invoice.
    pub(super) fn judge_charges(&self, all: &Challenges) -> Option<Charges> {
        let charges = all.iter().filter(|one| is_lightning_charge(one));
        let requests: Vec<Value> = charges.filter_map(request).collect();
        let judged = requests.iter().map(|request| self.judge_charge(request));
        // The worst counts: one contradiction is not made good by another challenge that agrees.
        judged.max_by_key(Charges::rank)
    }

    fn judge_charge(&self, request: &Value) -> Charges {
        if self.is_same_payment(request) {
            return self
                .check_charge(request)
                .map_or_else(Charges::Fault, |()| Charges::Same);
        }
        let Some(asked) = self.0.amount else {
            return Charges::Apart;
        };
        match other_price(request, self.0.network) {
            None => Charges::Apart,
            Some(price) if price.is_cheaper_than(asked) => Charges::Fault(other_amount(
                asked,
                "a Payment challenge",
                &price.to_string(),
            )),
            Some(price) if price.is_dearer_than(asked) => Charges::Dearer(price.to_string()),
            Some(_) => Charges::Apart,
        }
    }

    /// Returns true if a request carries the same payment hash or the same invoice.
    fn is_same_payment(&self, request: &Value) -> bool {
        hashes_of(request).any(|hash| hash == self.0.payment_hash)
    }

    fn check_charge(&self, request: &Value) -> Result<(), Fault> {
        // A missing field contradicts nothing, but an amount that is there must be readable.
        if let Some(amount) = present(request, "amount") {
            self.check_sats("the Payment challenge's amount", whole(amount))?;
        }
        let Some(details) = request.get("methodDetails") else {
            return Ok(());
        };
        if let Some(hash) = present(details, "paymentHash").and_then(Value::as_str) {
            self.check_hash_text("the Payment challenge's paymentHash", hash)?;
        }
        if let Some(network) = present(details, "network").and_then(Value::as_str) {
            self.check_network_name("the Payment challenge", network)?;
        }
        if let Some(other) = present(details, "invoice").and_then(Value::as_str) {
            self.check_invoice("the Payment challenge's invoice", other)?;
        }
        Ok(())
    }

    fn check_invoice(&self, by: &str, text: &str) -> Result<(), Fault> {
        // The texts may differ, for example in their route hints. Hash and amount decide what is paid
        // for, and how much.
        let other = Invoice::decode(text)?;
        self.check_hash(by, other.payment_hash)?;
        self.check_amount(by, other.amount)
    }
}

/// Returns the payment hashes that the `Payment` challenges of the method lightning carry.
pub(super) fn charge_hashes(all: &Challenges) -> Vec<PaymentHash> {
    let charges = all.iter().filter(|one| is_lightning_charge(one));
    let requests = charges.filter_map(request);
    requests
        .flat_map(|request| hashes_of(&request).collect::<Vec<_>>())
        .collect()
}

/// Returns the payment hash of a request, and that of its invoice.
fn hashes_of(request: &Value) -> impl Iterator<Item = PaymentHash> {
    let hash = detail(request, "paymentHash").and_then(|hash| hash.parse().ok());
    let invoice = detail(request, "invoice").and_then(|text| Invoice::decode(text).ok());
    let invoiced = invoice.map(|invoice| invoice.payment_hash);
    hash.into_iter().chain(invoiced)
}

/// Returns a text of a request that only Lightning has.
fn detail<'a>(request: &'a Value, name: &str) -> Option<&'a str> {
    present(request.get("methodDetails")?, name)?.as_str()
}

fn other_amount(asked: Msat, by: &str, other: &str) -> Fault {
    let detail = format!("the invoice asks for {asked}, and {by} names {other}");
    Fault::new(Refused::WrongAmount, detail)
}

/// The judgement of the `Payment` challenges beside an offer.
pub(super) enum Charges {
    /// An invoice of its own, for the same price or for one that cannot be compared.
    Apart,
    /// An invoice of its own, for more.
    Dearer(String),
    /// A contradiction to the invoice, or less than the invoice asks.
    Fault(Fault),
    /// The same payment, and agreement.
    Same,
}

impl Charges {
    const fn rank(&self) -> u8 {
        match self {
            Self::Same => 0,
            Self::Apart => 1,
            Self::Dearer(_) => 2,
            Self::Fault(_) => 3,
        }
    }
}

/// The price of a challenge that is about another payment, as it is written there.
enum OtherPrice {
    Exact(Msat),
    Sats(u64),
}

impl OtherPrice {
    // Whole satoshi are compared with the invoice rounded up, so that no rounding makes a difference.
    fn is_cheaper_than(&self, asked: Msat) -> bool {
        match self {
            Self::Exact(price) => *price < asked,
            Self::Sats(price) => *price < asked.ceil_sat(),
        }
    }

    fn is_dearer_than(&self, asked: Msat) -> bool {
        match self {
            Self::Exact(price) => *price > asked,
            Self::Sats(price) => *price > asked.ceil_sat(),
        }
    }
}

impl std::fmt::Display for OtherPrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(price) => price.fmt(f),
            Self::Sats(price) => write!(f, "{price} sat"),
        }
    }
}

/// Returns the price in the invoice of a request, or else its amount. `None` if it has none in
/// satoshi, or is for another network than `network`: such a price says nothing about this one.
fn other_price(request: &Value, network: Network) -> Option<OtherPrice> {
    if detail(request, "network").is_some_and(|name| name != network.name()) {
        return None;
    }
    // The invoice first: it is what a buyer of that challenge would pay.
    if let Some(invoice) = detail(request, "invoice").and_then(|text| Invoice::decode(text).ok()) {
        let is_ours = invoice.network == network;
        return invoice.amount.filter(|_| is_ours).map(OtherPrice::Exact);
    }
    let currency = request.get("currency").and_then(Value::as_str);
    if currency.is_some_and(|name| !name.eq_ignore_ascii_case("sat")) {
        return None;
    }
    present(request, "amount")
        .and_then(whole)
        .map(OtherPrice::Sats)
}

/// Returns a field that is there and not null.
fn present<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// Returns a whole number that is written as JSON number or as decimal text.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| whole_float(number.as_f64()?)),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// Returns the whole number that a float stands for. Languages whose numbers are floats write 5 as
/// `5.0` or `5e0`.
fn whole_float(number: f64) -> Option<u64> {
    // Below 2^53 a float is exact; above it, several whole numbers share one float.
    const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;
    let is_exact = (0.0..EXACT_BELOW).contains(&number) && number.fract() == 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and in range"
    )]
    is_exact.then_some(number as u64)
}

pub(super) fn is_lightning_charge(challenge: &AuthChallenge) -> bool {
    challenge.scheme().eq_ignore_ascii_case("payment")
        && challenge.param("method") == Some("lightning")
        && challenge.param("intent") == Some("charge")
}

fn request(challenge: &AuthChallenge) -> Option<Value> {
    let json = BASE64_URL.decode(challenge.param("request")?).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_are_amounts() {
        for (text, number) in [
            ("50", Some(50)),
            ("\"50\"", Some(50)),
            // FAULTS D6: a whole number that is written as a float.
            ("50.0", Some(50)),
            ("5e1", Some(50)),
            ("0.5e2", Some(50)),
            ("50.5", None),
            ("9007199254740993.0", None),
            ("-1", None),
            ("-1.0", None),
            ("\"50.0\"", None),
            ("\"1e3\"", None),
            ("\"\"", None),
            ("true", None),
            ("1e40", None),
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(whole(&value), number, "{text}");
        }
    }
}
