//! The claim of a listing, from its begin to the owner.

use std::net::IpAddr;
use std::time::Duration;

use l402::UnixTime;

use super::Registry;
use super::error::DeskError;
use super::rate::site;
use crate::listing::{Listing, ListingId, Owner, OwnerProof};
use crate::owner::{
    ClaimInstructions, ClaimTicket, Look, Looks, OwnerKey, ProofLine, claim_message, is_hash_of,
    is_signed_by, registry_name, txt_name,
};
use crate::store::{Claim, StoreError};

/// The time for which a claim waits for its proof.
const CLAIM_LIFE: Duration = Duration::from_secs(72 * 3600);

/// The age up to which an observed invoice says who signs a listing's invoices.
const FRESH: Duration = Duration::from_secs(24 * 3600);

impl Registry {
    /// Begins a claim: draws the key that becomes the owner's, and says what is to be published or signed.
    /// Nobody owns more by a claim alone.
    ///
    /// # Errors
    /// `NotFound`; `Banned` for a hidden listing; `BadInput` for a proof that the listing cannot have; `Taken`
    /// for a node's signature if an owner has proved the address; `TooMany`; `Internal`.
    pub async fn claim_begin(
        &self,
        id: ListingId,
        proof: OwnerProof,
        peer: Option<IpAddr>,
    ) -> Result<ClaimTicket, DeskError> {
        let (limits, moment) = (&self.0.limits, self.0.clock.monotonic());
        limits.claims.take_for(peer, (), moment)?;
        let listing = self.shown_listing(id).await?;
        self.check_claimable(&listing, proof).await?;
        // Counted after the checks, so that claims which are refused keep nobody else from claiming.
        let of_listing = &limits.claims_of_listing;
        of_listing.take_for(peer.map(site), id, moment)?;
        let key = OwnerKey::random().map_err(|error| no_randomness(&error))?;
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| no_randomness(&error))?;
        let now = self.0.clock.wall();
        let claim = Claim {
            nonce: hex::encode(nonce),
            listing: id,
            proof,
            key_hash: key.hash(),
            until: now.saturating_add(CLAIM_LIFE),
        };
        let registry = self.name();
        let nonce = format!("{registry}:{}", claim.nonce);
        let instructions =
            ClaimInstructions::new(&listing.url, proof, &claim.key_hash, &registry, &nonce);
        self.0.store.open_claim(claim, now).await?;
        Ok(ClaimTicket {
            nonce,
            key: key.into_text(),
            instructions,
        })
    }

    /// Looks at the proof of a claim, and makes the holder of its key the owner. The nonce is that of the
    /// ticket, with or without the registry's host.
    ///
    /// A proof of the address takes the place of a node's at once; a node's never that of the address. Of
    /// two proofs of the same kind, the older one stands if it is still there.
    ///
    /// # Errors
    /// `NotFound` for a claim that is void or none; `NotProved` for another key, and for a proof that is not
    /// there yet; `Taken` if another owner's proof stands; `TooMany` looks at one host; `Banned`; `Internal`.
    pub async fn claim_finish(
        &self,
        nonce: &str,
        key: &str,
        signature: Option<&str>,
    ) -> Result<Owner, DeskError> {
        let now = self.0.clock.wall();
        let nonce = self.bare_nonce(nonce)?;
        let claim = self.0.store.claim(nonce.to_owned(), now).await?;
        let claim = claim.ok_or(DeskError::NotFound)?;
        if !is_hash_of(&claim.key_hash, key) {
            let text = "this is not the key of the claim; begin a new claim if it is lost";
            return Err(DeskError::NotProved(text.to_owned()));
        }
        let listing = self.shown_listing(claim.listing).await?;
        let node = self.check_proof(&listing, &claim, signature).await?;
        let owner = Owner {
            proof: claim.proof,
            key_hash: claim.key_hash,
            node,
            since: now,
            checked: now,
            failed: 0,
        };
        // The proof is good. It is compared with that of an owner who is there already.
        if let Some(standing) = &listing.owner {
            self.check_gives_way(&listing, standing, &owner).await?;
        }
        // The store takes the change only if the owner is still the one that was compared with.
        let before = listing.owner.map(|standing| standing.key_hash);
        let made = Some(owner.clone());
        let set = self
            .0
            .store
            .set_owner(claim.listing, before, made, Some(claim.nonce), now);
        set.await.map_err(|error| match error {
            StoreError::Taken => DeskError::Taken(
                "somebody else has proved to be the owner in this moment; finish the claim again"
                    .to_owned(),
            ),
            other => other.into(),
        })?;
        Ok(owner)
    }

    /// Returns the name of the registry in proofs.
    pub(super) fn name(&self) -> String {
        registry_name(&self.0.options.public_url)
    }

    /// Returns a listing that is shown.
    pub(super) async fn shown_listing(&self, id: ListingId) -> Result<Listing, DeskError> {
        let listing = self.0.store.listing(id).await?.ok_or(DeskError::NotFound)?;
        match listing.hidden {
            Some(hidden) => Err(DeskError::Banned(format!(
                "it is hidden: {}",
                hidden.reason
            ))),
            None => Ok(listing),
        }
    }

    /// Refuses a proof that the listing cannot have, before anybody works for it.
    async fn check_claimable(&self, listing: &Listing, proof: OwnerProof) -> Result<(), DeskError> {
        match proof {
            OwnerProof::Dns if txt_name(&listing.url).is_none() => {
                let text = "the host has no name in DNS; prove by `file`".to_owned();
                let field = "proof";
                Err(DeskError::BadInput { field, text })
            }
            OwnerProof::Node => {
                if listing
                    .owner
                    .as_ref()
                    .is_some_and(|it| it.proof.is_of_address())
                {
                    return Err(outranked());
                }
                self.signing_node(listing).await.map(drop)
            }
            OwnerProof::Dns | OwnerProof::File => Ok(()),
        }
    }

    /// Returns the nonce without the registry's name, which may stand before it.
    fn bare_nonce<'a>(&self, nonce: &'a str) -> Result<&'a str, DeskError> {
        match nonce.rsplit_once(':') {
            None => Ok(nonce),
            Some((registry, bare)) if registry.eq_ignore_ascii_case(&self.name()) => Ok(bare),
            Some(_) => {
                let text = format!(
                    "this claim was begun at another registry than {}",
                    self.name()
                );
                Err(DeskError::NotProved(text))
            }
        }
    }

    /// Looks at the proof of a claim; returns the node if it is a signature.
    async fn check_proof(
        &self,
        listing: &Listing,
        claim: &Claim,
        signature: Option<&str>,
    ) -> Result<Option<String>, DeskError> {
        if claim.proof == OwnerProof::Node {
            let node = self.signing_node(listing).await?;
            let nonce = format!("{}:{}", self.name(), claim.nonce);
            let message = claim_message(&listing.url, &nonce);
            let signature = signature.ok_or_else(|| DeskError::BadInput {
                field: "signature",
                text: format!("missing; sign this message with the node: {message}"),
            })?;
            if !is_signed_by(&node, &message, signature.trim()) {
                let node = hex::encode(node);
                let text = format!(
                    "this is no signature of node {node}, which signs the invoices, over: {message}"
                );
                return Err(DeskError::NotProved(text));
            }
            return Ok(Some(hex::encode(node)));
        }
        self.0
            .limits
            .looks
            .take(listing.url.host(), self.0.clock.monotonic())?;
        // The host is asked anew: what it said earlier proves nothing today.
        let registry = self.name();
        let mut looks = self.looks(&registry);
        match looks.line(listing, claim.proof, &claim.key_hash).await {
            Look::Stands => Ok(None),
            Look::Missing(text) | Look::Unclear(text) => Err(DeskError::NotProved(text)),
        }
    }

    /// Refuses a new owner as long as the standing one's proof is better, or as good and still there.
    async fn check_gives_way(
        &self,
        listing: &Listing,
        standing: &Owner,
        new: &Owner,
    ) -> Result<(), DeskError> {
        match (standing.proof.is_of_address(), new.proof.is_of_address()) {
            (true, false) => return Err(outranked()),
            (false, true) => return Ok(()),
            // The node that has proved it before has lost its key, or wants another one.
            (false, false) if standing.node == new.node => return Ok(()),
            _ => {}
        }
        let registry = self.name();
        let taken = |text: String| Err(DeskError::Taken(text));
        match self.looks(&registry).owner(listing, standing).await {
            Look::Missing(_) => Ok(()),
            Look::Stands => {
                let line = ProofLine {
                    registry: &registry,
                    key_hash: &standing.key_hash,
                };
                taken(format!(
                    "an owner has proved it by {}, and the proof is still there; ask for a \
                     transfer. If it is yours and the key is lost, take away the line `{line}`, and \
                     finish the claim again",
                    standing.proof.name()
                ))
            }
            Look::Unclear(text) => taken(format!(
                "an owner has proved it, and that proof cannot be looked at now: {text}; finish \
                 the claim again later"
            )),
        }
    }

    /// Returns the node of the last invoice, if it was seen lately; else asks for a probe.
    async fn signing_node(&self, listing: &Listing) -> Result<[u8; 33], DeskError> {
        let now = self.0.clock.wall();
        let seen = listing.observed.as_ref();
        let age = seen.map(|seen| now.since(seen.at));
        match seen.and_then(|seen| seen.node) {
            Some(node) if age.is_some_and(|age| age <= FRESH) => Ok(node),
            _ if listing.no_probe => Err(DeskError::NotProved(
                "the service may not be probed, so no node is known; prove by `file` or `dns`"
                    .to_owned(),
            )),
            _ => {
                self.probe_soon(listing.id, now).await?;
                let text = "this registry has seen no invoice of the service in the last 24 hours; \
                            it asks for one now: try again in a minute, or prove by `file` or `dns`";
                Err(DeskError::NotProved(text.to_owned()))
            }
        }
    }

    /// Makes a probe due now, if nobody has asked for one lately.
    pub(super) async fn probe_soon(&self, id: ListingId, now: UnixTime) -> Result<(), DeskError> {
        let moment = self.0.clock.monotonic();
        if self.0.limits.probes.take(id, moment).is_err() {
            return Ok(());
        }
        self.0.store.schedule(id, Some(now)).await?;
        self.wake_probes();
        Ok(())
    }

    /// Begins to look at proofs.
    pub(super) fn looks<'a>(&'a self, registry: &'a str) -> Looks<'a> {
        Looks::new(&self.0.fetcher, self.resolver(), registry)
    }
}

fn outranked() -> DeskError {
    let text = "an owner has proved the address itself, which stands above a node's signature; ask \
                for a transfer, or prove by `file` or `dns`";
    DeskError::Taken(text.to_owned())
}

pub(super) fn no_randomness(error: &getrandom::Error) -> DeskError {
    DeskError::Internal(format!("no randomness: {error}"))
}
