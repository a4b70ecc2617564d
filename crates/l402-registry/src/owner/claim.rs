//! What somebody is told who claims a listing.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer to a claim: its name, the key that becomes the owner's, and what is to be done.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimTicket {
    /// The name of the claim: the registry's host, a colon, and 32 hex digits. A claim of a registry
    /// whose name does not stand before the colon is to be refused: it may be passed on.
    pub nonce: String,
    /// The key of the owner, 64 hex digits: secret, and shown this once. It counts once the claim is
    /// proved.
    pub key: String,
    /// What is to be published or signed, within 72 hours.
    pub instructions: ClaimInstructions,
}

impl fmt::Debug for ClaimTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimTicket")
            .field("nonce", &self.nonce)
            .field("instructions", &self.instructions)
            .finish_non_exhaustive()
    }
}

/// What is to be done to prove a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "proof", rename_all = "snake_case")]
pub enum ClaimInstructions {
    /// Publish a line in a text file at the origin of the listing.
    File {
        /// The address of the file.
        url: String,
        /// The line. The file may hold others, and comments that begin with `#`; 4 KiB are read.
        line: String,
    },
    /// Publish a TXT record.
    Dns {
        /// The name of the record.
        name: String,
        /// The text of the record.
        text: String,
    },
    /// Sign a message with the node that signs the invoices of the listing.
    Node {
        /// The message.
        message: String,
    },
}
