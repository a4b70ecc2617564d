//! The proof by the node that signs a listing's invoices.

use crate::listing::CanonicalUrl;

/// Returns the message that the node signs. It names registry (by the nonce) and listing, so that a
/// signature for one is none for another.
pub(crate) fn claim_message(listing: &CanonicalUrl, nonce: &str) -> String {
    format!("l402 registry claim {listing} {nonce}")
}

/// Returns true if this node, 33 bytes compressed, has signed the message as lnd, Core Lightning and LDK
/// do.
pub(crate) fn is_signed_by(node: &[u8; 33], message: &str, signature: &str) -> bool {
    l402_lightning::recover_signer(message.as_bytes(), signature).as_ref() == Some(node)
}
