//! Invoices that no honest seller makes.

use std::time::Duration;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use l402::{PaymentHash, UnixTime};
use lightning_invoice::{
    Bolt11InvoiceDescription, Currency, Description, InvoiceBuilder, PayeePubKey, PaymentSecret,
    Sha256, SignedRawBolt11Invoice, TaggedField,
};

/// An invoice of a node that nobody can reach.
#[derive(Debug)]
pub struct Draft {
    /// The network, as the first letters of the invoice name it.
    pub currency: Currency,
    /// The amount in millisatoshi; `None` for an invoice without one.
    pub msat: Option<u64>,
    /// The date of the invoice.
    pub created: UnixTime,
    /// The seconds from the date to the end.
    pub expiry: u64,
    /// The payment hash.
    pub hash: PaymentHash,
}

impl Draft {
    /// Writes and signs the invoice.
    ///
    /// # Panics
    /// If the values make no invoice.
    #[must_use]
    pub fn sign(&self) -> String {
        self.describe(Bolt11InvoiceDescription::Direct(
            Description::new("x".to_owned()).expect("short"),
        ))
    }

    /// Writes and signs the invoice with the hash of a description that is kept elsewhere.
    ///
    /// # Panics
    /// If the values make no invoice.
    #[must_use]
    pub fn sign_with_hash_of(&self, description: &str) -> String {
        let hash = sha256::Hash::hash(description.as_bytes());
        self.describe(Bolt11InvoiceDescription::Hash(Sha256(hash)))
    }

    fn describe(&self, description: Bolt11InvoiceDescription) -> String {
        let key = SecretKey::from_slice(&[41; 32]).expect("a key");
        let draft = InvoiceBuilder::new(self.currency.clone())
            .invoice_description(description)
            .payment_hash(sha256::Hash::from_byte_array(*self.hash.as_bytes()))
            .payment_secret(PaymentSecret([9; 32]))
            .duration_since_epoch(Duration::from_secs(self.created.secs()))
            .min_final_cltv_expiry_delta(18)
            .expiry_time(Duration::from_secs(self.expiry));
        let draft = match self.msat {
            Some(msat) => draft.amount_milli_satoshis(msat),
            None => draft,
        };
        let signed = draft.build_signed(|hash| Secp256k1::new().sign_ecdsa_recoverable(hash, &key));
        signed.expect("an invoice").to_string()
    }

    /// Names another payee than the one who signed.
    ///
    /// # Panics
    /// If the values make no invoice.
    #[must_use]
    pub fn forge(&self) -> String {
        let signed: SignedRawBolt11Invoice = self.sign().parse().expect("an invoice");
        let other = SecretKey::from_slice(&[42; 32]).expect("a key");
        let other = other.public_key(&Secp256k1::new());
        let (mut raw, _, signature) = signed.into_parts();
        let payee = TaggedField::PayeePubKey(PayeePubKey(other));
        raw.data.tagged_fields.push(payee.into());
        let signed = raw.sign(|_| Ok::<_, ()>(signature.0)).expect("signed");
        signed.to_string()
    }
}
