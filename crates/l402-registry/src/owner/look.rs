//! One look at a proof.

use std::collections::HashMap;
use std::time::Duration;

use http::{Method, StatusCode};

use super::dns::{TxtError, TxtResolver};
use super::line::{ProofLine, file_url, txt_name};
use crate::fetch::{Ask, Fetcher};
use crate::listing::{Listing, Owner, OwnerProof};

/// The most bytes of the file that are read, and the time for them.
const FILE_MAX: usize = 4096;
const FILE_TIMEOUT: Duration = Duration::from_secs(5);

/// The outcome of a look at a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The proof stands.
    Stands,
    /// The proof is not there: a sentence that says what was found.
    Missing(String),
    /// Nobody said whether it is there: a sentence.
    Unclear(String),
}

/// Looks at proofs, each file and name once, however many listings have it.
pub(crate) struct Looks<'a> {
    fetcher: &'a Fetcher,
    resolver: Option<&'a TxtResolver>,
    registry: &'a str,
    /// The texts that were seen, by address of the file or name of the record.
    seen: HashMap<String, Result<String, Look>>,
}

impl<'a> Looks<'a> {
    /// Begins to look, for the registry of this name. Without a resolver no record is found.
    pub(crate) fn new(
        fetcher: &'a Fetcher,
        resolver: Option<&'a TxtResolver>,
        registry: &'a str,
    ) -> Self {
        Self {
            fetcher,
            resolver,
            registry,
            seen: HashMap::new(),
        }
    }

    /// Looks whether an owner's proof still stands. A node's signature stands as long as the node signs
    /// the invoices of the listing.
    pub(crate) async fn owner(&mut self, listing: &Listing, owner: &Owner) -> Look {
        match owner.proof {
            OwnerProof::Node => {
                let node = listing.observed.as_ref().and_then(|seen| seen.node);
                match node.map(hex::encode) {
                    Some(node) if owner.node.as_ref() != Some(&node) => {
                        Look::Missing(format!("node {node} signs the invoices now"))
                    }
                    // As long as no invoice was seen, nothing says that another node signs them.
                    _ => Look::Stands,
                }
            }
            proof => self.line(listing, proof, &owner.key_hash).await,
        }
    }

    /// Looks whether file or record names this hash of a key.
    pub(crate) async fn line(&mut self, listing: &Listing, proof: OwnerProof, hash: &str) -> Look {
        let line = ProofLine {
            registry: self.registry,
            key_hash: hash,
        };
        let place = match (proof, txt_name(&listing.url)) {
            (OwnerProof::File, _) => file_url(&listing.url).to_string(),
            (OwnerProof::Dns, Some(name)) => name,
            (OwnerProof::Dns, None) => return Look::Missing("the host has no name".to_owned()),
            (OwnerProof::Node, _) => return Look::Missing("a node publishes no line".to_owned()),
        };
        if !self.seen.contains_key(&place) {
            let found = match proof {
                OwnerProof::File => self.file(listing).await,
                _ => self.texts(&place).await,
            };
            self.seen.insert(place.clone(), found);
        }
        match self.seen.get(&place) {
            Some(Ok(text)) if line.is_in(text) => Look::Stands,
            Some(Err(look)) => look.clone(),
            _ => Look::Missing(format!("{place} does not have the line: {line}")),
        }
    }

    async fn file(&self, listing: &Listing) -> Result<String, Look> {
        let url = file_url(&listing.url);
        let ask = Ask {
            url: url.clone(),
            method: Method::GET,
            body: None,
            max_bytes: FILE_MAX,
            timeout: FILE_TIMEOUT,
            // The host itself must speak, and no other to which it passes everybody on.
            follow: false,
        };
        let missing = |text: String| Look::Missing(format!("{url}: {text}"));
        let found = self.fetcher.fetch(ask).await;
        let found = found.map_err(|error| missing(error.to_string()))?;
        if found.status != StatusCode::OK {
            let text = format!("the answer is {}, not 200", found.status.as_u16());
            return Err(missing(text));
        }
        String::from_utf8(found.body).map_err(|_| missing("no text in UTF-8".to_owned()))
    }

    async fn texts(&self, name: &str) -> Result<String, Look> {
        let Some(resolver) = self.resolver else {
            let text = "this registry's machine has no DNS".to_owned();
            return Err(Look::Unclear(text));
        };
        resolver.texts(name).await.map_err(|error| match error {
            TxtError::Missing => Look::Missing(format!("there is no TXT record {name}")),
            TxtError::Unclear => Look::Unclear(format!("DNS did not say whether {name} exists")),
        })
    }
}
