//! Reading of BOLT 11 invoices: the facts that L402 needs, and the errors.

use core::fmt;

use lightning_invoice::{
    Bolt11Invoice, Bolt11InvoiceDescriptionRef, Bolt11ParseError, Bolt11SemanticError, Currency,
    SignedRawBolt11Invoice, TaggedField,
};

use crate::amount::Msat;
use crate::network::Network;
use crate::preimage::PaymentHash;
use crate::text::bare_invoice;
use crate::time::UnixTime;

/// The reason why an invoice is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvoiceError {
    /// The invoice names no amount. Reported only by [`Invoice::required_amount`].
    Amountless,
    /// The invoice needs an unknown feature, or lacks a payment secret.
    Features,
    /// The text is not BOLT 11: wrong checksum, prefix, amount or field length, or mixed case.
    Malformed,
    /// The signature is not valid.
    Signature,
    /// The text is longer than [`Invoice::MAX_LEN`].
    TooLong,
}

impl fmt::Display for InvoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amountless => "the invoice names no amount; ask the seller for one that does",
            Self::Features => "the invoice needs an unknown feature or lacks a payment secret",
            Self::Malformed => "the invoice is not BOLT 11, or was altered on its way",
            Self::Signature => "the invoice's signature does not hold",
            Self::TooLong => "the invoice is longer than 7089 characters",
        })
    }
}

impl std::error::Error for InvoiceError {}

/// The contents of an invoice whose signature is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invoice {
    /// The amount in millisatoshi, or `None` if the invoice names none and the payer would choose.
    pub amount: Option<Msat>,
    /// The payment hash (BOLT 11 field `p`).
    pub payment_hash: PaymentHash,
    /// The payment secret (BOLT 11 field `s`).
    pub payment_secret: [u8; 32],
    /// The network that the prefix names.
    pub network: Network,
    /// The time at which the invoice was made (BOLT 11 timestamp).
    pub created: UnixTime,
    /// The end of the invoice: `created` plus its expiry (BOLT 11 field `x`), by default one hour.
    pub expires: UnixTime,
    /// The public key of the payee, 33 bytes compressed: stated in the invoice (field `n`), or
    /// recovered from the signature.
    pub payee: [u8; 33],
    /// The description (field `d`), text of the payee that is not escaped: see
    /// [`text::escape`](crate::text::escape). `None` if the invoice has a description hash instead.
    pub description: Option<String>,
    /// The SHA-256 of a description that is kept elsewhere (field `h`). `None` if the invoice has a
    /// description.
    pub description_hash: Option<[u8; 32]>,
}

/// The contents of an invoice whose signature has not been checked. For the seller, who made the
/// invoice and compares it with the request. A payer uses [`Invoice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoiceTerms {
    /// The amount in millisatoshi, or `None` if the invoice names none and the payer would choose.
    pub amount: Option<Msat>,
    /// The payment hash (BOLT 11 field `p`).
    pub payment_hash: PaymentHash,
    /// The network that the prefix names.
    pub network: Network,
    /// The time at which the invoice was made (BOLT 11 timestamp).
    pub created: UnixTime,
    /// The end of the invoice: `created` plus its expiry (BOLT 11 field `x`), by default one hour.
    pub expires: UnixTime,
}

impl InvoiceTerms {
    /// Reads the contents without checking the signature. A `lightning:` before the text is skipped.
    ///
    /// # Errors
    /// [`InvoiceError::TooLong`] and [`InvoiceError::Malformed`].
    pub fn read(text: &str) -> Result<Self, InvoiceError> {
        let text = bare_invoice(text);
        let signed = parse(text)?;
        let raw = signed.raw_invoice();
        let network = network(&signed.currency());
        let mut hashes = raw.known_tagged_fields().filter_map(|field| match field {
            TaggedField::PaymentHash(hash) => Some(hash.0),
            _ => None,
        });
        // Exactly one payment hash: of two, this program and the payer's could each take another
        // one.
        let (Some(hash), None) = (hashes.next(), hashes.next()) else {
            return Err(InvoiceError::Malformed);
        };
        let created = UnixTime::from_secs(raw.data.timestamp.as_unix_timestamp());
        let expiry = raw
            .expiry_time()
            .map_or(DEFAULT_EXPIRY, |expiry| *expiry.as_duration());
        // The decoder counts in pico-bitcoin, tenths of a millisatoshi, and BOLT 11 demands whole
        // millisatoshi.
        let amount = raw.amount_pico_btc().map(|pico| (pico / 10, pico % 10));
        if amount.is_some_and(|(_, rest)| rest != 0) {
            return Err(InvoiceError::Malformed);
        }
        Ok(Self {
            amount: written_amount(text, network, amount.map(|(msat, _)| msat))?,
            payment_hash: PaymentHash::from_bytes(*hash.as_ref()),
            network,
            created,
            expires: created.saturating_add(expiry),
        })
    }
}

/// The expiry of an invoice that names none (BOLT 11, field `x`).
const DEFAULT_EXPIRY: core::time::Duration = core::time::Duration::from_secs(3600);

/// Reads the text into fields. Checks the length first, which bounds the work of decoding.
fn parse(text: &str) -> Result<SignedRawBolt11Invoice, InvoiceError> {
    if text.len() > Invoice::MAX_LEN {
        return Err(InvoiceError::TooLong);
    }
    text.parse().map_err(of_parsing)
}

impl Invoice {
    /// The longest invoice that is read, in characters. The limit of lnd.
    pub const MAX_LEN: usize = 7089;

    /// The longest description in bytes, the most that field `d` can hold (BOLT 11).
    pub const MAX_DESCRIPTION: usize = 639;

    /// Decodes an invoice and checks its signature. A `lightning:` before the text, in any case, is
    /// skipped. Reads no clock: the caller compares `expires` with the current time.
    ///
    /// # Errors
    /// [`InvoiceError::TooLong`], [`InvoiceError::Malformed`], [`InvoiceError::Features`] and
    /// [`InvoiceError::Signature`]. An invoice without an amount decodes.
    ///
    /// ```
    /// use l402::{Invoice, InvoiceError};
    ///
    /// assert_eq!(Invoice::decode("lnbc1notaninvoice"), Err(InvoiceError::Malformed));
    /// assert_eq!(Invoice::decode(&"1".repeat(7090)), Err(InvoiceError::TooLong));
    /// ```
    pub fn decode(text: &str) -> Result<Self, InvoiceError> {
        let text = bare_invoice(text);
        let signed = parse(text)?;
        let network = network(&signed.currency());
        let invoice = Bolt11Invoice::from_signed(signed).map_err(of_meaning)?;
        let created = UnixTime::from_secs(invoice.duration_since_epoch().as_secs());
        let (description, description_hash) = match invoice.description() {
            Bolt11InvoiceDescriptionRef::Direct(words) => (Some(words.as_inner().0.clone()), None),
            Bolt11InvoiceDescriptionRef::Hash(hash) => (None, Some(*hash.0.as_ref())),
        };
        Ok(Self {
            amount: written_amount(text, network, invoice.amount_milli_satoshis())?,
            payment_hash: PaymentHash::from_bytes(*invoice.payment_hash().as_ref()),
            payment_secret: invoice.payment_secret().0,
            network,
            created,
            expires: created.saturating_add(invoice.expiry_time()),
            payee: invoice.get_payee_pub_key().serialize(),
            description,
            description_hash,
        })
    }

    /// Returns the amount.
    ///
    /// # Errors
    /// [`InvoiceError::Amountless`] if the invoice names none. L402 sells at a price, and the price
    /// of such an invoice would rest on an unsigned statement.
    pub fn required_amount(&self) -> Result<Msat, InvoiceError> {
        self.amount.ok_or(InvoiceError::Amountless)
    }
}

/// Returns the amount that the prefix states (`lnbc` `100n` `1` …), or `None` if there is none.
///
/// The decoder also returns `None` if the number does not fit, and accepts leading zeros, which
/// BOLT 11 forbids. So the text decides whether there is an amount, and the decoder its value.
fn written_amount(
    text: &str,
    network: Network,
    decoded: Option<u64>,
) -> Result<Option<Msat>, InvoiceError> {
    // The last `1` ends the prefix (BIP 173): the amount may hold others, the data cannot.
    let (prefix, _) = text.rsplit_once('1').ok_or(InvoiceError::Malformed)?;
    let written = prefix
        .get(network.invoice_prefix().len()..)
        .ok_or(InvoiceError::Malformed)?;
    if written.is_empty() {
        return Ok(None);
    }
    let amount = decoded.map(Msat::new);
    let possible = amount.filter(|msat| *msat <= Msat::MAX && !written.starts_with('0'));
    possible.map(Some).ok_or(InvoiceError::Malformed)
}

/// Translates the decoder's name of the network.
fn network(currency: &Currency) -> Network {
    match currency {
        Currency::Bitcoin => Network::Bitcoin,
        Currency::BitcoinTestnet => Network::Testnet,
        Currency::Regtest => Network::Regtest,
        Currency::Signet => Network::Signet,
        Currency::Simnet => Network::Simnet,
    }
}

/// Sorts the decoder's errors about the form of the text.
fn of_parsing(error: Bolt11ParseError) -> InvoiceError {
    match error {
        Bolt11ParseError::MalformedSignature(_) => InvoiceError::Signature,
        _ => InvoiceError::Malformed,
    }
}

/// Sorts the decoder's errors about the contents.
fn of_meaning(error: Bolt11SemanticError) -> InvoiceError {
    match error {
        Bolt11SemanticError::InvalidSignature => InvoiceError::Signature,
        Bolt11SemanticError::InvalidFeatures | Bolt11SemanticError::NoPaymentSecret => {
            InvoiceError::Features
        }
        Bolt11SemanticError::ImpreciseAmount
        | Bolt11SemanticError::MultipleDescriptions
        | Bolt11SemanticError::MultiplePaymentHashes
        | Bolt11SemanticError::MultiplePaymentSecrets
        | Bolt11SemanticError::NoDescription
        | Bolt11SemanticError::NoPaymentHash => InvoiceError::Malformed,
    }
}
