//! Changes by the owner, and the weekly look at his proof.

use std::time::Duration;

use l402::UnixTime;

use super::Registry;
use super::claim::no_randomness;
use super::error::DeskError;
use super::submit::method_named;
use crate::listing::{Edit, Listing, ListingId, Owner, Words};
use crate::owner::{Look, Looks, OwnerKey, is_hash_of, key_hash};
use crate::store::StoreError;

/// The looks in a row without the proof after which nobody owns a listing.
const LOOKS: u8 = 3;

/// The owners that are looked at in one turn. The schedule comes back for more.
const OWNERS_A_TURN: u32 = 20;

/// The outcome of looking at owners' proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rechecked {
    /// The number of proofs that were looked at.
    pub looked: u32,
    /// The number of proofs that were not found.
    pub missing: u32,
    /// The number of listings that nobody owns any more.
    pub lost: u32,
}

impl Registry {
    /// Changes a listing for its owner. His words take the place of all others.
    ///
    /// # Errors
    /// `NotFound`; `NotProved` for another key; `BadInput` for a change of nothing; `Internal`.
    pub async fn edit(&self, id: ListingId, key: &str, edit: Edit) -> Result<(), DeskError> {
        let (_, owner) = self.owned(id, key).await?;
        if edit == Edit::default() {
            let text = "nothing to change; give a method, words, or no_probe".to_owned();
            let field = "edit";
            return Err(DeskError::BadInput { field, text });
        }
        let method = method_named(edit.method.as_deref())?;
        let edit = Edit {
            method: method.map(str::to_owned),
            words: edit.words.map(Words::cleaned),
            ..edit
        };
        let now = self.0.clock.wall();
        // Another method may have another price, and a listing that wanted no probes has no time of one.
        let is_probe_due = edit.method.is_some() || edit.no_probe == Some(false);
        self.0.store.edit(id, owner.key_hash, edit, now).await?;
        if is_probe_due {
            self.probe_soon(id, now).await?;
        }
        Ok(())
    }

    /// Removes a listing for its owner, with all of its past.
    ///
    /// # Errors
    /// `NotFound`; `NotProved` for another key; `Internal`.
    pub async fn remove(&self, id: ListingId, key: &str) -> Result<(), DeskError> {
        let (_, owner) = self.owned(id, key).await?;
        Ok(self.0.store.remove(id, Some(owner.key_hash)).await?)
    }

    /// Makes a new key, and voids the old one: the new key is the one to hand on. It is shown this once.
    ///
    /// File and DNS record still name the old key. The proof counts as it was until the next looks: the new
    /// holder has to publish the line of the new key before three of them have not found it, and so shows
    /// that the address came with the listing. A node's proof stands as long as the node signs the invoices.
    ///
    /// # Errors
    /// `NotFound`; `NotProved` for another key; `Taken` if the owner changes in this moment; `Internal`.
    pub async fn transfer(&self, id: ListingId, key: &str) -> Result<String, DeskError> {
        let (_, owner) = self.owned(id, key).await?;
        let new = OwnerKey::random().map_err(|error| no_randomness(&error))?;
        let before = Some(owner.key_hash.clone());
        let next = Owner {
            key_hash: new.hash(),
            ..owner
        };
        let now = self.0.clock.wall();
        self.0
            .store
            .set_owner(id, before, Some(next), None, now)
            .await?;
        Ok(new.into_text())
    }

    /// Gives a listing up: nobody owns it any more. The words stay, and count as submitted.
    ///
    /// # Errors
    /// As [`Registry::transfer`].
    pub async fn revoke(&self, id: ListingId, key: &str) -> Result<(), DeskError> {
        let (_, owner) = self.owned(id, key).await?;
        let now = self.0.clock.wall();
        Ok(self
            .0
            .store
            .set_owner(id, Some(owner.key_hash), None, None, now)
            .await?)
    }

    /// Looks again at proofs that were not looked at for the interval of the settings, at most 20 in one
    /// call. A proof that three looks in a row did not find leaves the listing without an owner.
    ///
    /// # Errors
    /// `Internal`.
    pub async fn recheck_owners(&self) -> Result<Rechecked, DeskError> {
        let now = self.0.clock.wall();
        let before = earlier(now, self.0.options.owner_interval);
        let stale = self.0.store.stale_owners(before, OWNERS_A_TURN).await?;
        let registry = self.name();
        let (mut looks, mut done) = (self.looks(&registry), Rechecked::default());
        for listing in stale {
            self.recheck(&mut looks, &listing, now, &mut done).await?;
        }
        Ok(done)
    }

    async fn recheck(
        &self,
        looks: &mut Looks<'_>,
        listing: &Listing,
        now: UnixTime,
        done: &mut Rechecked,
    ) -> Result<(), DeskError> {
        let Some(owner) = &listing.owner else {
            return Ok(());
        };
        let found = looks.owner(listing, owner).await;
        done.looked += 1;
        let failed = match found {
            Look::Stands => 0,
            Look::Missing(reason) | Look::Unclear(reason) => {
                tracing::info!(listing = %listing.id, %reason, "an owner's proof was not found");
                done.missing += 1;
                owner.failed.saturating_add(1)
            }
        };
        let next = (failed < LOOKS).then(|| Owner {
            checked: now,
            failed,
            ..owner.clone()
        });
        done.lost += u32::from(next.is_none());
        let before = Some(owner.key_hash.clone());
        match self
            .0
            .store
            .set_owner(listing.id, before, next, None, now)
            .await
        {
            // The owner or the listing has changed meanwhile, and needs no look.
            Ok(()) | Err(StoreError::Taken | StoreError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns a listing and its owner, if the key is his. Hidden listings are his as well.
    pub(super) async fn owned(
        &self,
        id: ListingId,
        key: &str,
    ) -> Result<(Listing, Owner), DeskError> {
        let listing = self.0.store.listing(id).await?.ok_or(DeskError::NotFound)?;
        let not_proved = |text: &str| Err(DeskError::NotProved(text.to_owned()));
        if key_hash(key).is_none() {
            return not_proved("the owner's key is 64 hex digits in lower case");
        }
        match listing.owner.clone() {
            None => not_proved("nobody has proved to own this listing; claim it first"),
            Some(owner) if is_hash_of(&owner.key_hash, key) => Ok((listing, owner)),
            Some(_) => not_proved("this is not the key of the owner"),
        }
    }
}

/// Returns the time so long before another.
fn earlier(time: UnixTime, by: Duration) -> UnixTime {
    UnixTime::from_secs(time.secs().saturating_sub(by.as_secs()))
}
