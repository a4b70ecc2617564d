//! What else names an amount or a hash: token, body, headers, a `Payment` challenge. None of it
//! is believed; all of it must agree with the invoice (ATTACKS C-10).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use l402::{AuthChallenge, Challenges, Invoice, Msat, PaymentHash};
use serde_json::Value;

use crate::{Error, Refused};

const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Names of a price in whole satoshi, as bodies have it.
const SAT_FIELDS: [&str; 4] = ["price_sats", "priceSats", "amountSats", "amount_sats"];

/// What the invoice says.
pub(crate) struct Said<'a> {
    pub(crate) invoice: &'a Invoice,
    pub(crate) amount: Msat,
}

impl Said<'_> {
    /// `None` is an amount that is given and cannot be read.
    pub(crate) fn check_amount(&self, by: &str, amount: Option<Msat>) -> Result<(), Error> {
        match amount {
            Some(amount) if amount == self.amount => Ok(()),
            Some(amount) => Err(self.other_amount(by, &amount.to_string())),
            None => Err(self.other_amount(by, "something that is no amount")),
        }
    }

    /// Whole satoshi agree where the invoice rounds up to them.
    fn check_sats(&self, by: &str, sats: Option<u64>) -> Result<(), Error> {
        match sats {
            Some(sats) if sats == self.amount.ceil_sat() => Ok(()),
            Some(sats) => Err(self.other_amount(by, &format!("{sats} sat"))),
            None => Err(self.other_amount(by, "something that is no amount")),
        }
    }

    fn other_amount(&self, by: &str, other: &str) -> Error {
        let detail = format!(
            "the invoice asks for {}, and {by} names {other}",
            self.amount
        );
        Error::refused(Refused::WrongAmount, detail)
    }

    pub(crate) fn check_hash(&self, by: &str, hash: PaymentHash) -> Result<(), Error> {
        if hash == self.invoice.payment_hash {
            return Ok(());
        }
        let detail = format!("{by} is about another payment hash than the invoice");
        Err(Error::refused(Refused::WrongHash, detail))
    }

    pub(crate) fn check_hash_text(&self, by: &str, hash: &str) -> Result<(), Error> {
        match hash.parse() {
            Ok(hash) => self.check_hash(by, hash),
            Err(_) => {
                let detail = format!("{by} is no payment hash");
                Err(Error::refused(Refused::WrongHash, detail))
            }
        }
    }

    pub(crate) fn check_network_name(&self, by: &str, name: &str) -> Result<(), Error> {
        if name == self.invoice.network.name() {
            return Ok(());
        }
        let detail = format!(
            "the invoice is for {}, and {by} names another",
            self.invoice.network
        );
        Err(Error::refused(Refused::WrongNetwork, detail))
    }

    pub(crate) fn check_body(&self, body: Option<&Value>) -> Result<(), Error> {
        let Some(body) = body else { return Ok(()) };
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
            if let Some(hash) = present(object, "payment_hash").and_then(Value::as_str) {
                self.check_hash_text("the body's payment_hash", hash)?;
            }
        }
        Ok(())
    }

    pub(crate) fn check_header(&self, headers: &HeaderMap) -> Result<(), Error> {
        let Some(price) = headers.get("x-l402-price-sats") else {
            return Ok(());
        };
        let sats = price
            .to_str()
            .ok()
            .and_then(|text| text.trim().parse().ok());
        self.check_sats("the header x-l402-price-sats", sats)
    }

    /// A `Payment` challenge of the method lightning sells the same for the same. One
    /// whose request cannot be read is not ours to judge.
    pub(crate) fn check_payment_challenges(&self, all: &Challenges) -> Result<(), Error> {
        let charges = all
            .iter()
            .filter(|challenge| is_lightning_charge(challenge));
        for request in charges.filter_map(request) {
            if let Some(amount) = present(&request, "amount") {
                self.check_sats("the Payment challenge's amount", whole(amount))?;
            }
            let Some(details) = request.get("methodDetails") else {
                continue;
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
        }
        Ok(())
    }

    fn check_invoice(&self, by: &str, text: &str) -> Result<(), Error> {
        let other = Invoice::decode(text).map_err(crate::offer::of_invoice)?;
        self.check_hash(by, other.payment_hash)?;
        self.check_amount(by, other.amount)
    }
}

/// A field that is there and not null.
fn present<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A whole number, as JSON or as decimal text.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn is_lightning_charge(challenge: &AuthChallenge) -> bool {
    challenge.scheme().eq_ignore_ascii_case("payment")
        && challenge.param("method") == Some("lightning")
        && challenge.param("intent") == Some("charge")
}

fn request(challenge: &AuthChallenge) -> Option<Value> {
    let json = BASE64_URL.decode(challenge.param("request")?).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Foreign words for a terminal: control characters and marks that change the direction of text
/// are escaped (ATTACKS C-28), and what is too long is cut.
pub(crate) fn displayed(text: &str, max_chars: usize) -> String {
    let shown = |c: char| match c {
        '\u{061c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => true,
        c => c.is_control(),
    };
    let mut out = String::new();
    for c in text.chars() {
        let piece = if shown(c) {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        };
        if out.chars().count() + piece.chars().count() > max_chars {
            break;
        }
        out.push_str(&piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_move_the_cursor_or_turn_the_text_around() {
        let shown = displayed("a\u{1b}[2J\u{202e}b\r\n", 200);
        assert_eq!(shown, "a\\u{1b}[2J\\u{202e}b\\u{d}\\u{a}");
        assert_eq!(displayed(&"é".repeat(300), 200).chars().count(), 200);
        assert!(displayed(&"\u{1b}".repeat(300), 200).len() <= 200);
    }

    #[test]
    fn only_whole_numbers_are_amounts() {
        for (text, number) in [
            ("50", Some(50)),
            ("\"50\"", Some(50)),
            ("50.0", None),
            ("-1", None),
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
