//! Invoices that no honest seller makes.

use std::time::Duration;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use l402::{PaymentHash, UnixTime};
use lightning_invoice::{
    Currency, InvoiceBuilder, PaymentSecret, SignedRawBolt11Invoice, TaggedField,
};

pub(crate) struct Draft {
    pub(crate) currency: Currency,
    pub(crate) msat: Option<u64>,
    pub(crate) created: UnixTime,
    pub(crate) expiry: u64,
    pub(crate) hash: PaymentHash,
}

impl Draft {
    pub(crate) fn sign(&self) -> String {
        let key = SecretKey::from_slice(&[41; 32]).expect("a key");
        let draft = InvoiceBuilder::new(self.currency.clone())
            .description("x".into())
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
    pub(crate) fn forge(&self) -> String {
        let signed: SignedRawBolt11Invoice = self.sign().parse().expect("an invoice");
        let other = SecretKey::from_slice(&[42; 32])
            .expect("a key")
            .public_key(&Secp256k1::new());
        let (mut raw, _, signature) = signed.into_parts();
        let payee = TaggedField::PayeePubKey(lightning_invoice::PayeePubKey(other));
        raw.data.tagged_fields.push(payee.into());
        raw.sign(|_| Ok::<_, ()>(signature.0))
            .expect("signed")
            .to_string()
    }
}
