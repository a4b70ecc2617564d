//! The receipt in a file: what proves that a payment was made, and to whom.

use std::fmt;
use std::time::Duration;

use l402::{Invoice, PaymentHash, Preimage, UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Receipt, ReceiptFault, UseReport};

/// The version of the form.
const VERSION: u32 = 1;

/// The most that a clock may be behind the payee's: an invoice from further ahead is not paid.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// An invoice and the preimage that proves its payment. Its `Debug` does not show the preimage.
#[derive(Clone)]
#[non_exhaustive]
pub struct PaymentProof {
    /// The payment hash.
    pub payment_hash: PaymentHash,
    /// The invoice, as its payee signed it.
    pub invoice: String,
    /// The preimage.
    pub preimage: Preimage,
}

impl PaymentProof {
    pub(crate) const fn new(
        payment_hash: PaymentHash,
        invoice: String,
        preimage: Preimage,
    ) -> Self {
        Self {
            payment_hash,
            invoice,
            preimage,
        }
    }
}

impl fmt::Debug for PaymentProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentProof")
            .field("payment_hash", &self.payment_hash)
            .finish_non_exhaustive()
    }
}

/// The SHA-256 and the length of a body, made while it is read.
#[derive(Clone, Debug, Default)]
pub struct AnswerDigest {
    sha256: Sha256,
    length: u64,
}

impl AnswerDigest {
    /// Adds a piece of the body.
    pub fn add(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.length = self.length.saturating_add(piece.len() as u64);
    }

    /// Returns the SHA-256 of what was added.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256.clone().finalize().into()
    }
}

/// What was asked and what was answered. URLs are without user, query and fragment.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method that was asked with.
    pub method: String,
    /// The URL that was asked.
    pub url: String,
    /// The SHA-256 of the method, a line feed, `?QUERY` or `-`, a line feed, and the body; `None` if
    /// the body could not be read again.
    pub request_sha256: Option<[u8; 32]>,
    /// The status of the answer.
    pub status: u16,
    /// The URL that answered, after redirects.
    pub answer_url: String,
    /// The digest of the body; `None` if it was not read to its end.
    pub answer: Option<AnswerDigest>,
    /// The time at which the answer ended.
    pub answered_at: UnixTime,
}

/// A receipt whose proof was checked and holds. There is no other way to one.
///
/// The invoice is signed by the payee's node, and the preimage is known to nobody before the payment:
/// these two prove that somebody paid this amount to this node. Nobody signs the rest. Its digest
/// finds damage, and not a forger. Holds a preimage, which is a secret as long as the token is good:
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptDocument(Fields);

/// The fields in the order of the file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u32,
    invoice: String,
    payment_hash: String,
    preimage: String,
    payee: String,
    network: String,
    price_msat: u64,
    paid_msat: u64,
    fee_msat: u64,
    invoice_created: String,
    invoice_expires: String,
    paid_at: String,
    reused: bool,
    bought_url: String,
    method: String,
    url: String,
    request_sha256: Option<String>,
    status: u16,
    answer_url: String,
    answer_sha256: Option<String>,
    answer_bytes: Option<u64>,
    answered_at: String,
    #[serde(rename = "use")]
    outcome: Option<String>,
    uses_left: Option<u64>,
    expires: Option<String>,
    digest: String,
}

impl fmt::Debug for ReceiptDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiptDocument")
            .field("payment_hash", &self.0.payment_hash)
            .finish_non_exhaustive()
    }
}

impl ReceiptDocument {
    /// Makes the receipt of one answer.
    ///
    /// # Errors
    /// If receipt and proof are not about one payment, or the proof does not hold.
    pub fn new(
        receipt: &Receipt,
        proof: &PaymentProof,
        exchange: &Exchange,
    ) -> Result<Self, ReceiptFault> {
        let invoice = Invoice::decode(&proof.invoice).map_err(|_| ReceiptFault::Invoice)?;
        let (answer, told) = (exchange.answer.as_ref(), receipt.use_report);
        let mut fields = Fields {
            version: VERSION,
            invoice: proof.invoice.clone(),
            payment_hash: receipt.payment_hash.to_string(),
            preimage: proof.preimage.to_hex(),
            payee: hex::encode(invoice.payee),
            network: invoice.network.name().to_owned(),
            price_msat: receipt.price.msat(),
            paid_msat: receipt.paid.msat(),
            fee_msat: receipt.fee.msat(),
            invoice_created: invoice.created.to_rfc3339(),
            invoice_expires: invoice.expires.to_rfc3339(),
            paid_at: receipt.paid_at.to_rfc3339(),
            reused: receipt.reused,
            bought_url: receipt.url.clone(),
            method: exchange.method.clone(),
            url: exchange.url.clone(),
            request_sha256: exchange.request_sha256.map(hex::encode),
            status: exchange.status,
            answer_url: exchange.answer_url.clone(),
            answer_sha256: answer.map(|answer| hex::encode(answer.sha256())),
            answer_bytes: answer.map(|answer| answer.length),
            answered_at: exchange.answered_at.to_rfc3339(),
            outcome: told.map(|told| told.outcome.name().to_owned()),
            uses_left: told.and_then(|told| told.uses_left),
            expires: told.and_then(UseReport::end).map(UnixTime::to_rfc3339),
            digest: String::new(),
        };
        fields.digest = fields.digest_of_the_rest();
        // As a reader would see it: a receipt that does not hold is not written.
        Self::verify(fields.text().as_bytes())
    }

    /// Reads a receipt, which holds if this returns one. Asks nobody, and knows no clock.
    ///
    /// # Errors
    /// For every byte that is not the one that was written.
    pub fn verify(text: &[u8]) -> Result<Self, ReceiptFault> {
        let version = serde_json::from_slice::<Value>(text).ok();
        let version = version.and_then(|value| value.get("version")?.as_u64());
        if version.is_some_and(|version| version != u64::from(VERSION)) {
            return Err(ReceiptFault::Version);
        }
        let fields: Fields = serde_json::from_slice(text).map_err(|_| ReceiptFault::Form)?;
        // One spelling only: a byte that changes nothing in the fields is a change all the same.
        if fields.text().as_bytes() != text {
            return Err(ReceiptFault::Form);
        }
        if fields.digest != fields.digest_of_the_rest() {
            return Err(ReceiptFault::Digest);
        }
        fields.check_proof()?;
        Ok(Self(fields))
    }

    /// Returns the text of the file, with the line feed at its end.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.text()
    }

    /// Returns true if the answer is the body of this digest. False if the receipt names none, because the
    /// answer was not read to its end.
    #[must_use]
    pub fn is_of_answer(&self, answer: &AnswerDigest) -> bool {
        self.0.answer_sha256 == Some(hex::encode(answer.sha256()))
            && self.0.answer_bytes == Some(answer.length)
    }

    /// Returns true if the receipt names the digest of an answer.
    #[must_use]
    pub fn names_an_answer(&self) -> bool {
        self.0.answer_sha256.is_some()
    }

    /// Returns the receipt without preimage and invoice, for people and programs that only read.
    #[must_use]
    pub fn summary(&self) -> Value {
        let fields = &self.0;
        json!({
            "payment_hash": fields.payment_hash,
            "payee": fields.payee,
            "network": fields.network,
            "price_msat": fields.price_msat,
            "paid_msat": fields.paid_msat,
            "fee_msat": fields.fee_msat,
            "paid_at": fields.paid_at,
            "reused": fields.reused,
            "method": fields.method,
            "url": fields.url,
            "status": fields.status,
            "answer_sha256": fields.answer_sha256,
            "answer_bytes": fields.answer_bytes,
            "answered_at": fields.answered_at,
        })
    }
}

impl Fields {
    fn text(&self) -> String {
        // Strings and numbers alone: there is nothing that could not be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Returns the SHA-256 of the text with an empty digest.
    fn digest_of_the_rest(&self) -> String {
        let rest = Self {
            digest: String::new(),
            ..self.clone()
        };
        hex::encode(Sha256::digest(rest.text()))
    }

    /// Holds everything against the invoice, whose signature names the payee.
    fn check_proof(&self) -> Result<(), ReceiptFault> {
        let invoice = Invoice::decode(&self.invoice).map_err(|_| ReceiptFault::Invoice)?;
        let hash = &invoice.payment_hash;
        let proves = |preimage: Preimage| preimage.proves(hash);
        let is_proven = self.preimage.parse().is_ok_and(proves);
        let time = |text: &str| UnixTime::from_rfc3339(text).map_err(|_| ReceiptFault::Time);
        let (created, expires) = (time(&self.invoice_created)?, time(&self.invoice_expires)?);
        let (paid, _) = (time(&self.paid_at)?, time(&self.answered_at)?);
        let are_times = (created, expires) == (invoice.created, invoice.expires)
            && paid.saturating_add(CLOCK_TOLERANCE) >= created;
        // In the order in which a reader would ask: the payment first.
        let rules = [
            (ReceiptFault::Hash, self.payment_hash == hash.to_string()),
            (ReceiptFault::Preimage, is_proven),
            (
                ReceiptFault::Payee,
                self.payee == hex::encode(invoice.payee),
            ),
            (
                ReceiptFault::Network,
                self.network == invoice.network.name(),
            ),
            (
                ReceiptFault::Amount,
                invoice.amount.map(l402::Msat::msat) == Some(self.price_msat),
            ),
            (ReceiptFault::Time, are_times),
        ];
        let broken = rules.into_iter().find(|(_, holds)| !holds);
        broken.map_or(Ok(()), |(fault, _)| Err(fault))
    }
}
