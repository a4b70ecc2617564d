//! The acts of moderators. The API has asked for the token before any of this.

use url::Host;

use super::{DeskError, Registry};
use crate::listing::{Hidden, Listing, ListingId};
use crate::store::ReviewFate;

/// The longest reason, in characters.
const REASON_MAX: usize = 300;

/// The longest host name, in bytes (RFC 1035).
const HOST_MAX: usize = 253;

impl Registry {
    /// Hides a listing. Its page says the reason, and lists leave it out.
    ///
    /// # Errors
    /// [`DeskError::NotFound`], [`DeskError::BadInput`] for an empty or long reason.
    pub async fn hide(&self, id: ListingId, reason: &str) -> Result<(), DeskError> {
        let hidden = Hidden {
            reason: checked_reason(reason)?,
            merged_into: None,
        };
        let now = self.clock().wall();
        Ok(self.store().hide(id, Some(hidden), now).await?)
    }

    /// Shows a listing again, whatever hid it.
    ///
    /// # Errors
    /// [`DeskError::NotFound`].
    pub async fn unhide(&self, id: ListingId) -> Result<(), DeskError> {
        let now = self.clock().wall();
        Ok(self.store().hide(id, None, now).await?)
    }

    /// Bans a host with all names below it. Its listings are hidden, and new ones are hidden at once.
    /// Returns the host as it is kept.
    ///
    /// # Errors
    /// [`DeskError::BadInput`] for what is no host, or for an empty or long reason.
    pub async fn ban(&self, host: &str, reason: &str) -> Result<String, DeskError> {
        let host = checked_host(host)?;
        let reason = checked_reason(reason)?;
        let now = self.clock().wall();
        self.store().ban(host.clone(), Some(reason), now).await?;
        Ok(host)
    }

    /// Lifts the ban of a host. Returns the host as it was kept.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] if it is not banned, [`DeskError::BadInput`] for what is no host.
    pub async fn unban(&self, host: &str) -> Result<String, DeskError> {
        let host = checked_host(host)?;
        let banned = self.store().banned().await?;
        if !banned.iter().any(|(known, _)| *known == host) {
            return Err(DeskError::NotFound);
        }
        let now = self.clock().wall();
        self.store().ban(host.clone(), None, now).await?;
        Ok(host)
    }

    /// Hides a listing as a copy of another one, to which its page leads.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] if one of them is missing, [`DeskError::BadInput`] if they are the same or the
    /// other one is hidden.
    pub async fn merge(&self, from: ListingId, into: ListingId) -> Result<(), DeskError> {
        let bad = |text: &str| DeskError::BadInput {
            field: "into",
            text: text.to_owned(),
        };
        if from == into {
            return Err(bad("a listing is no copy of itself; name another one"));
        }
        self.present(from).await?;
        // The page of the copy leads to this listing, and a hidden one has nothing to show.
        if self.present(into).await?.hidden.is_some() {
            return Err(bad("this listing is hidden; name one that is shown"));
        }
        let hidden = Hidden {
            reason: "a copy of another listing".to_owned(),
            merged_into: Some(into.to_string()),
        };
        let now = self.clock().wall();
        Ok(self.store().hide(from, Some(hidden), now).await?)
    }

    /// Hides a review, or shows it again.
    ///
    /// # Errors
    /// [`DeskError::NotFound`].
    pub async fn hide_review(
        &self,
        id: ListingId,
        payment_hash: l402::PaymentHash,
        hidden: bool,
    ) -> Result<(), DeskError> {
        let fate = ReviewFate::Hidden(hidden);
        Ok(self.store().judge_review(id, payment_hash, fate).await?)
    }

    async fn present(&self, id: ListingId) -> Result<Listing, DeskError> {
        self.store().listing(id).await?.ok_or(DeskError::NotFound)
    }
}

fn checked_reason(reason: &str) -> Result<String, DeskError> {
    let reason = reason.trim();
    let is_plain = !reason.chars().any(char::is_control);
    let is_short = (1..=REASON_MAX).contains(&reason.chars().count());
    if is_plain && is_short {
        return Ok(reason.to_owned());
    }
    Err(DeskError::BadInput {
        field: "reason",
        text: format!(
            "write one line of 1 to {REASON_MAX} characters; the listing's page shows it"
        ),
    })
}

/// Returns a host as it stands in canonical URLs.
fn checked_host(text: &str) -> Result<String, DeskError> {
    // Before it is read as well: an address may be written with any number of zeros.
    let short = Some(text.trim()).filter(|text| text.len() <= HOST_MAX);
    let host = short.and_then(|text| Host::parse(text).ok());
    let host = host.map(|host| host.to_string().trim_end_matches('.').to_owned());
    let host = host.filter(|host| !host.is_empty());
    host.ok_or_else(|| DeskError::BadInput {
        field: "host",
        text: "write a host alone, such as shop.example or [2001:db8::1]".to_owned(),
    })
}
