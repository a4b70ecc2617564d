//! The JSON of LNURL-pay. Every answer may be an error instead, with any HTTP status.

use l402::Msat;
use serde::{Deserialize, Deserializer};

use crate::transport::plain;
use crate::{Error, ErrorKind};

/// The description of an address (LUD-06).
#[derive(Deserialize)]
pub(super) struct PayRequest {
    tag: String,
    pub(super) callback: String,
    #[serde(rename = "minSendable", deserialize_with = "msat")]
    pub(super) least: Msat,
    #[serde(rename = "maxSendable", deserialize_with = "msat")]
    pub(super) most: Msat,
    /// The text whose SHA-256 an invoice states in place of a description.
    #[serde(default)]
    pub(super) metadata: String,
}

impl PayRequest {
    /// Refuses the description of something that is no address to be paid.
    pub(super) fn check(self) -> Result<Self, Error> {
        if self.tag != "payRequest" {
            return Err(garbled("no payRequest: this address cannot be paid"));
        }
        if self.least == Msat::ZERO || self.least > self.most || self.least > Msat::MAX {
            return Err(garbled("amounts that contradict each other"));
        }
        Ok(self)
    }
}

/// An invoice, and the URL that tells if it is settled (LUD-06, LUD-21).
#[derive(Deserialize)]
pub(super) struct MadeInvoice {
    pub(super) pr: String,
    pub(super) verify: Option<String>,
}

/// The state of an invoice (LUD-21).
#[derive(Deserialize)]
pub(super) struct VerifiedInvoice {
    pub(super) settled: bool,
    pub(super) preimage: Option<String>,
    pub(super) pr: Option<String>,
}

/// An answer, or the error in its place.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Answered<T> {
    Error(LnurlError),
    Done(T),
}

/// An error of the service.
#[derive(Deserialize)]
pub(super) struct LnurlError {
    /// Always `ERROR`.
    #[serde(rename = "status", deserialize_with = "is_error")]
    _status: (),
    #[serde(default)]
    reason: String,
}

impl LnurlError {
    /// Reads an error from the body of a refusal.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    pub(super) fn into_error(self) -> Error {
        let text = format!("the Lightning address says: {}", plain(&self.reason));
        Error::new(ErrorKind::Rejected, text)
    }
}

/// Returns the error of an answer that LNURL does not allow.
pub(super) fn garbled(answer: &str) -> Error {
    let text = format!("the Lightning address answered with {answer}");
    Error::new(ErrorKind::Protocol, text)
}

fn is_error<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    let status = String::deserialize(deserializer)?;
    if status.eq_ignore_ascii_case("ERROR") {
        Ok(())
    } else {
        Err(serde::de::Error::custom("no error"))
    }
}

/// Reads an amount. Some services write whole numbers with a decimal point.
fn msat<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Msat, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let text = number.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text);
    let number = whole.parse::<u64>().map(Msat::new);
    number.map_err(|_| serde::de::Error::custom("no amount in millisatoshi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pay_request(json: &str) -> Option<PayRequest> {
        match serde_json::from_str(json).ok()? {
            Answered::Done(it) => PayRequest::check(it).ok(),
            Answered::Error(_) => None,
        }
    }

    #[test]
    fn only_an_address_that_can_be_paid_is_one() {
        let of = |tag: &str, least: &str, most: &str| {
            pay_request(&format!(
                r#"{{"status":"OK","tag":"{tag}","callback":"https://a/","minSendable":{least},
                "maxSendable":{most},"metadata":"[]"}}"#
            ))
        };
        let sound = of("payRequest", "1000", "5000.0").unwrap();
        assert_eq!(
            (sound.least, sound.most),
            (Msat::new(1000), Msat::new(5000))
        );
        for (tag, least, most) in [
            ("withdrawRequest", "1", "2"),
            ("payRequest", "0", "2"),
            ("payRequest", "3", "2"),
            ("payRequest", "-1", "2"),
            ("payRequest", "1.5", "2"),
            ("payRequest", "\"1\"", "2"),
            ("payRequest", "99999999999999999999", "99999999999999999999"),
        ] {
            assert!(of(tag, least, most).is_none(), "{tag} {least} {most}");
        }
        assert!(pay_request(r#"{"status":"ERROR","reason":"no such user"}"#).is_none());
    }

    #[test]
    fn an_error_is_one_with_any_other_field_and_is_shown_escaped() {
        let body = r#"{"status":"ERROR","reason":"a\u001b[31m","settled":true}"#;
        let answer: Answered<VerifiedInvoice> = serde_json::from_str(body).unwrap();
        let Answered::Error(error) = answer else {
            panic!("an error")
        };
        let shown = error.into_error().to_string();
        assert!(shown.contains("a\\u{1b}[31m"), "{shown}");
        assert!(LnurlError::read(br#"{"status":"OK"}"#).is_none());
        assert!(LnurlError::read(b"<html>").is_none());
    }
}
