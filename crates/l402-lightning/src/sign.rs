//! The trait of a node that signs messages.

use core::fmt;

use l402_host::BoxFuture;

use crate::Error;

/// A node that signs messages with its key. Signing moves no money: nodes put words before each message
/// that nothing else which they sign begins with.
///
/// A wrong implementation signs with another key than the one that signs the node's invoices: then a
/// proof of being this node is none.
pub trait Sign: fmt::Debug + Send + Sync {
    /// Signs a message, and returns the signature in z-base-32, as `lncli signmessage` and `lightning-cli
    /// signmessage` show it. See [`recover_signer`](crate::recover_signer).
    ///
    /// # Errors
    /// `Unauthorized` for a credential that may not sign, and any error of a call to the node.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<String, Error>>;
}
