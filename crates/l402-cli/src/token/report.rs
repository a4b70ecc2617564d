//! The report on a token, credential or challenge, for machines and for people.

use l402::inspect::{Format, Inspection, inspect};
use l402::text::escape;
use l402::{Invoice, InvoiceError, UnixTime};
use serde_json::{Value, json};

use super::caveat;
use super::subject::Subject;
use crate::error::CliError;
use crate::text::invoice;
use crate::text::output::style;

/// The parts of a text, decoded as far as they can be.
pub(crate) struct Report {
    subject: Subject,
    token: Option<Inspection>,
    invoice: Option<Result<Invoice, InvoiceError>>,
}

impl Report {
    pub(crate) fn of(text: &str) -> Result<Self, CliError> {
        let subject = Subject::read(text)?;
        let token = subject.token.as_deref().map(inspect).transpose();
        // A token beside an invoice is opaque and may be anything; one given alone must be known.
        let token = match token {
            Ok(token) => token,
            Err(_) if subject.invoice.is_some() => None,
            Err(error) => {
                return Err(CliError::usage(error.to_string()).with_hint(
                    "give a token in base64 or hexadecimal, a header line, or an invoice",
                ));
            }
        };
        let invoice = subject.invoice.as_deref().map(Invoice::decode);
        Ok(Self {
            subject,
            token,
            invoice,
        })
    }

    /// Returns true if token and invoice name the same payment, or `None` if one of them names none.
    fn hashes_match(&self) -> Option<bool> {
        let token = self.token.as_ref()?.payment_hash?;
        let invoice = self.invoice.as_ref()?.as_ref().ok()?.payment_hash;
        Some(token == invoice)
    }

    /// Returns true if the preimage is that of the token, or `None` if one of them is missing.
    fn proves(&self) -> Option<bool> {
        let hash = self.token.as_ref()?.payment_hash?;
        Some(self.subject.preimage.as_ref()?.proves(&hash))
    }

    pub(crate) fn to_json(&self, now: UnixTime) -> Value {
        let invoice = self.invoice.as_ref().map(|invoice| match invoice {
            Ok(decoded) => invoice::to_json(decoded, now),
            Err(error) => json!({ "error": error.to_string() }),
        });
        json!({
            "kind": self.subject.kind.name(),
            "scheme": self.subject.scheme,
            "token": self.token.as_ref().map(|token| token_json(token, now)),
            "invoice": invoice,
            "hashes_match": self.hashes_match(),
            "preimage_proves": self.proves(),
            // Always false, and there so that no script takes a readable token for a valid one.
            "verified": false,
        })
    }

    pub(crate) fn to_text(&self, now: UnixTime) -> String {
        let mut text = format!(
            "{}\n",
            style::paint(style::TITLE, self.subject.kind.title())
        );
        if let Some(token) = &self.token {
            text += &token_text(token, now);
        } else if self.subject.token.is_some() {
            text += "  the token is of no known format; a client sends it back as it is\n";
        }
        match &self.invoice {
            Some(Ok(decoded)) => {
                text += &format!("{}\n", style::paint(style::TITLE, "invoice"));
                text += &invoice::columns(&invoice::rows(decoded, now));
            }
            Some(Err(error)) => text += &format!("invoice: {error}\n"),
            None => {}
        }
        text + &self.findings()
    }

    fn findings(&self) -> String {
        let mut text = String::new();
        let mut say = |good: bool, yes: &str, no: &str| {
            let line = if good {
                style::paint(style::GOOD, yes)
            } else {
                style::paint(style::BAD, no)
            };
            text += &format!("{line}\n");
        };
        // Only what can be compared is judged: a hash that is missing is no mismatch.
        if let Some(same) = self.hashes_match() {
            say(
                same,
                "token and invoice are about the same payment",
                "token and invoice are about different payments: do not pay",
            );
        }
        if let Some(proves) = self.proves() {
            say(
                proves,
                "the preimage (not shown) is the one that the token asks for",
                "the preimage (not shown) is of another payment than the token",
            );
        }
        text + &style::paint(
            style::FAINT,
            "nothing here is verified: only the server can do that",
        ) + "\n"
    }
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::V1 => "macaroon_v1",
        Format::V2 => "macaroon_v2",
        Format::V2Json => "macaroon_v2_json",
        _ => "other",
    }
}

fn token_json(token: &Inspection, now: UnixTime) -> Value {
    let caveats = token.caveats.iter().map(|caveat| {
        json!({
            "text": caveat::shown(&caveat.text),
            "meaning": caveat::meaning(&caveat.text, now),
            "third_party": caveat.third_party,
        })
    });
    json!({
        "format": format_name(token.format),
        "location": token.location,
        "identifier_hex": token.identifier_hex,
        "payment_hash": token.payment_hash.map(|hash| hash.to_string()),
        "token_id": token_id(token),
        "caveats": caveats.collect::<Vec<_>>(),
        // Not the signature itself: with identifier and caveats it would make the token whole.
        "signed": token.signature_hex.is_some(),
    })
}

/// Returns the id by which a seller knows the token: the part of its identifier behind the payment hash.
fn token_id(token: &Inspection) -> Option<&str> {
    let hash = token.payment_hash?.to_string();
    let (_, id) = token.identifier_hex.split_once(&hash)?;
    (id.len() == 64).then_some(id)
}

fn token_text(token: &Inspection, now: UnixTime) -> String {
    let hash = token
        .payment_hash
        .map_or("not stated".to_owned(), |hash| hash.to_string());
    let mut text = invoice::columns(&[
        ("format", format_name(token.format).to_owned()),
        ("location", escape(&token.location)),
        ("identifier", escape(&token.identifier_hex)),
        ("payment hash", hash),
        (
            "token id",
            token_id(token).unwrap_or("not stated").to_owned(),
        ),
    ]);
    // Everything in a token may come from a stranger, so each part is escaped.
    for caveat in &token.caveats {
        text += &format!(
            "  {:<14} {}\n",
            "caveat",
            escape(&caveat::shown(&caveat.text))
        );
        let meaning = if caveat.third_party {
            "a third party must discharge it; L402 has no such caveats".to_owned()
        } else {
            caveat::meaning(&caveat.text, now)
        };
        text += &format!(
            "  {:<14} {}\n",
            "",
            style::paint(style::FAINT, &escape(&meaning))
        );
    }
    text
}
