//! What somebody is told who claims a listing.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::key::key_hash;
use super::line::{ProofLine, file_url, registry_name, txt_name};
use super::node::claim_message;
use crate::listing::{CanonicalUrl, OwnerProof};

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

impl ClaimTicket {
    /// Returns true if a registry with this address may give this ticket for this listing: the nonce, and what
    /// is to be published or signed, name that registry, the listing and the key of the ticket.
    ///
    /// A claimant checks it before anything is published. Another ticket was begun at another registry, and its
    /// proof would make somebody else the owner there.
    #[must_use]
    pub fn is_of(&self, registry: &Url, listing: &CanonicalUrl, proof: OwnerProof) -> bool {
        let registry = registry_name(registry);
        let (host, random) = self.nonce.rsplit_once(':').unwrap_or_default();
        let is_random = random.len() == 32 && random.bytes().all(|it| it.is_ascii_hexdigit());
        let expected = key_hash(&self.key)
            .map(|hash| ClaimInstructions::new(listing, proof, &hash, &registry, &self.nonce));
        host == registry && is_random && expected.as_ref() == Some(&self.instructions)
    }
}

impl ClaimInstructions {
    /// Returns what proves that the holder of a key owns a listing, to the registry of this name.
    pub(crate) fn new(
        listing: &CanonicalUrl,
        proof: OwnerProof,
        key_hash: &str,
        registry: &str,
        nonce: &str,
    ) -> Self {
        let line = ProofLine { registry, key_hash };
        match proof {
            OwnerProof::File => Self::File {
                url: file_url(listing).into(),
                line: line.to_string(),
            },
            OwnerProof::Dns => Self::Dns {
                name: txt_name(listing).unwrap_or_default(),
                text: line.to_string(),
            },
            OwnerProof::Node => Self::Node {
                message: claim_message(listing, nonce),
            },
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    // ATTACKS G-08: a registry passes a claim at another registry on as its own.
    #[test]
    fn a_ticket_names_its_registry_its_listing_and_its_key() {
        let listing: CanonicalUrl = "https://api.example.com/v1/joke".parse().unwrap();
        let registry: Url = "https://registry.example/".parse().unwrap();
        let (key, other) = ("1".repeat(64), "2".repeat(64));
        let ticket = |proof, key_of_line: &str, registry: &str, listing: &CanonicalUrl| {
            let hash = key_hash(key_of_line).unwrap();
            let nonce = format!("registry.example:{}", "0".repeat(32));
            ClaimTicket {
                instructions: ClaimInstructions::new(listing, proof, &hash, registry, &nonce),
                key: key.clone(),
                nonce,
            }
        };
        let elsewhere: CanonicalUrl = "https://shop.example.com/v1/joke".parse().unwrap();
        for proof in [OwnerProof::File, OwnerProof::Dns, OwnerProof::Node] {
            let good = ticket(proof, &key, "registry.example", &listing);
            assert!(good.is_of(&registry, &listing, proof));
            let of_nobody = ClaimTicket {
                nonce: "registry.example:5".to_owned(),
                ..good.clone()
            };
            let of_others = ClaimTicket {
                nonce: good.nonce.replace("registry.", "other."),
                ..good
            };
            let bad = [
                of_nobody,
                of_others,
                ticket(proof, &key, "registry.example", &elsewhere),
            ];
            assert!(
                bad.iter().all(|it| !it.is_of(&registry, &listing, proof)),
                "{proof:?}"
            );
        }
        for proof in [OwnerProof::File, OwnerProof::Dns] {
            let registry_of_line = ticket(proof, &key, "other.example", &listing);
            let key_of_line = ticket(proof, &other, "registry.example", &listing);
            for bad in [registry_of_line, key_of_line] {
                assert!(!bad.is_of(&registry, &listing, proof), "{proof:?}");
            }
        }
    }
}
