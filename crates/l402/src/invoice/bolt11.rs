//! BOLT 11 invoices through `lightning-invoice`: one function that gives what L402 needs.

use core::fmt;

use lightning_invoice::{
    Bolt11Invoice, Bolt11InvoiceDescriptionRef, Bolt11ParseError, Bolt11SemanticError, Currency,
    SignedRawBolt11Invoice, TaggedField,
};

use crate::amount::Msat;
use crate::network::Network;
use crate::preimage::PaymentHash;
use crate::time::UnixTime;

/// Why an invoice is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvoiceError {
    /// No amount; only reported by [`Invoice::required_amount`].
    Amountless,
    /// Needs a feature we do not know, or lacks a payment secret.
    Features,
    /// Not BOLT 11: checksum, prefix, amount, field lengths, mixed case.
    Malformed,
    /// The signature does not hold.
    Signature,
    /// Over 7089 characters.
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

/// What an invoice says, its signature checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invoice {
    /// The amount in millisatoshi; `None` where the payer would choose.
    pub amount: Option<Msat>,
    /// The hash to pay for.
    pub payment_hash: PaymentHash,
    /// The payment secret (BOLT 11 field `s`).
    pub payment_secret: [u8; 32],
    /// The network.
    pub network: Network,
    /// When it was made.
    pub created: UnixTime,
    /// When it ends: made plus expiry (one hour where the invoice says nothing).
    pub expires: UnixTime,
    /// The payee's public key, 33 bytes compressed: as stated, or recovered from the signature.
    pub payee: [u8; 33],
    /// The description, unescaped words of the payee; `None` for a description hash.
    pub description: Option<String>,
}

/// What an invoice says, its signature not looked at: for who made it and compares it with what
/// was asked. A payer wants [`Invoice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoiceTerms {
    /// The amount in millisatoshi; `None` where the payer would choose.
    pub amount: Option<Msat>,
    /// The hash to pay for.
    pub payment_hash: PaymentHash,
    /// The network.
    pub network: Network,
    /// When it was made.
    pub created: UnixTime,
    /// When it ends: made plus expiry (one hour where the invoice says nothing).
    pub expires: UnixTime,
}

impl InvoiceTerms {
    /// Reads them.
    ///
    /// # Errors
    /// [`InvoiceError::TooLong`] and [`InvoiceError::Malformed`].
    pub fn read(text: &str) -> Result<Self, InvoiceError> {
        let signed = parse(text)?;
        let raw = signed.raw_invoice();
        let network = network(&signed.currency());
        let mut hashes = raw.known_tagged_fields().filter_map(|field| match field {
            TaggedField::PaymentHash(hash) => Some(hash.0),
            _ => None,
        });
        let (Some(hash), None) = (hashes.next(), hashes.next()) else {
            return Err(InvoiceError::Malformed);
        };
        let created = UnixTime::from_secs(raw.data.timestamp.as_unix_timestamp());
        let expiry = raw
            .expiry_time()
            .map_or(DEFAULT_EXPIRY, |expiry| *expiry.as_duration());
        // BOLT 11 counts in tenths of a millisatoshi.
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

/// Where an invoice names no expiry (BOLT 11).
const DEFAULT_EXPIRY: core::time::Duration = core::time::Duration::from_secs(3600);

fn parse(text: &str) -> Result<SignedRawBolt11Invoice, InvoiceError> {
    if text.len() > Invoice::MAX_LEN {
        return Err(InvoiceError::TooLong);
    }
    text.parse().map_err(of_parsing)
}

impl Invoice {
    /// The longest invoice that is read, in characters: what lnd allows, too.
    pub const MAX_LEN: usize = 7089;

    /// The longest description, in bytes: the most that the field `d` holds (BOLT 11).
    pub const MAX_DESCRIPTION: usize = 639;

    /// Decodes and checks the signature. Reads no clock: expiry is for the caller to compare.
    ///
    /// # Errors
    /// [`InvoiceError::TooLong`], [`InvoiceError::Malformed`], [`InvoiceError::Features`] and
    /// [`InvoiceError::Signature`]. An invoice without an amount decodes.
    pub fn decode(text: &str) -> Result<Self, InvoiceError> {
        let signed = parse(text)?;
        let network = network(&signed.currency());
        let invoice = Bolt11Invoice::from_signed(signed).map_err(of_meaning)?;
        let created = UnixTime::from_secs(invoice.duration_since_epoch().as_secs());
        Ok(Self {
            amount: written_amount(text, network, invoice.amount_milli_satoshis())?,
            payment_hash: PaymentHash::from_bytes(*invoice.payment_hash().as_ref()),
            payment_secret: invoice.payment_secret().0,
            network,
            created,
            expires: created.saturating_add(invoice.expiry_time()),
            payee: invoice.get_payee_pub_key().serialize(),
            description: match invoice.description() {
                Bolt11InvoiceDescriptionRef::Direct(words) => Some(words.as_inner().0.clone()),
                Bolt11InvoiceDescriptionRef::Hash(_) => None,
            },
        })
    }

    /// The amount.
    ///
    /// # Errors
    /// [`InvoiceError::Amountless`]: L402 sells at a price, and a payer who may choose one would
    /// have to trust somebody else's word for it.
    pub fn required_amount(&self) -> Result<Msat, InvoiceError> {
        self.amount.ok_or(InvoiceError::Amountless)
    }
}

/// The amount, which is written in the prefix: `lnbc` `100n` `1` ….
///
/// The decoder gives none also where the number does not fit, and takes leading zeros, which
/// BOLT 11 does not. So the text says whether there is one, and the decoder how much.
fn written_amount(
    text: &str,
    network: Network,
    decoded: Option<u64>,
) -> Result<Option<Msat>, InvoiceError> {
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

fn network(currency: &Currency) -> Network {
    match currency {
        Currency::Bitcoin => Network::Bitcoin,
        Currency::BitcoinTestnet => Network::Testnet,
        Currency::Regtest => Network::Regtest,
        Currency::Signet => Network::Signet,
        Currency::Simnet => Network::Simnet,
    }
}

fn of_parsing(error: Bolt11ParseError) -> InvoiceError {
    match error {
        Bolt11ParseError::MalformedSignature(_) => InvoiceError::Signature,
        _ => InvoiceError::Malformed,
    }
}

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
