//! The submission of an address: asked once, and listed if it is a paid service or a document that lists some.

use std::net::IpAddr;
use std::time::Duration;

use l402::UnixTime;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::Registry;
use super::error::DeskError;
use super::look::{Seen, look};
use super::rate::Rate;
use super::settings::RegistryOptions;
use crate::listing::{
    CanonicalUrl, CanonicalUrlError, Listing, ListingId, NewListing, Skipped, Words, WordsFrom,
    clean, method,
};
use crate::search::{Filter, Query};
use crate::store::Added;

/// The most submissions that are looked at at once.
pub(super) const SUBMISSIONS_AT_ONCE: usize = 16;

/// The listings of one host up to which submissions add to it. An import may go beyond.
const HOST_LISTINGS_MAX: usize = 1000;

/// The time for which a submission waits until others are done.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Returns the limit of submissions by an address: an hour's at once, and then one after the other.
pub(super) fn rate(options: &RegistryOptions) -> Rate {
    let count = options.submissions_per_hour.max(1);
    Rate::new(count, Duration::from_secs(3600) / count)
}

/// An address that somebody submits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Submission {
    /// The address of an endpoint, or of a document that lists some.
    pub url: String,
    /// The method of HTTP that a buyer uses; `None` if the registry is to find out. For an endpoint alone.
    pub method: Option<String>,
    /// The words of the submitter, for an endpoint alone. A document has words of its own.
    pub words: Words,
}

impl From<&str> for Submission {
    fn from(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..Self::default()
        }
    }
}

/// The outcome of a submission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submitted {
    /// The listings, new and known ones.
    pub listings: Vec<(Added, CanonicalUrl)>,
    /// The entries of a document that were left out, each with the reason. Strangers' text, not escaped.
    pub skipped: Vec<(String, String)>,
}

impl Registry {
    /// Asks an address as a client would, and lists what is there. `peer` is the address of the submitter,
    /// `None` for this program.
    ///
    /// An address that is listed already is not asked: its probe is brought forward, and words of a stronger
    /// source replace the old ones.
    ///
    /// # Errors
    /// `BadInput` with the field; `Banned`; `TooMany`, also for one host; `Unlistable` with what was seen and what
    /// to do; `Internal`.
    pub async fn submit(
        &self,
        submission: impl Into<Submission>,
        peer: Option<IpAddr>,
    ) -> Result<Submitted, DeskError> {
        let submission = submission.into();
        let url = url_of(&submission)?;
        let method = method_named(submission.method.as_deref())?;
        let moment = self.0.clock.monotonic();
        self.0.submissions.take_for(peer, (), moment)?;
        self.refuse_banned(&url).await?;
        if let Some(known) = self.kept_at(&url).await? {
            return self.list_again(known, method, submission.words).await;
        }
        // From here on a stranger's host is asked, so that it counts for this host too.
        self.0.limits.submissions_of_host.take(url.host(), moment)?;
        let _turn = self.turn().await?;
        match look(&self.0.fetcher, &url, method).await? {
            // A redirect may have led to a listing that is kept, or to a host that is banned.
            Seen::Endpoint { url, method: seen } => {
                self.refuse_banned(&url).await?;
                match self.kept_at(&url).await? {
                    Some(known) => self.list_again(known, method, submission.words).await,
                    None if self.room_of_host(&url).await? == 0 => Err(full(&url)),
                    None => self.list_endpoint(url, seen, submission.words, false).await,
                }
            }
            Seen::Document { url, document } => {
                self.refuse_banned(&url).await?;
                self.list_document(document.listings, document.skipped)
                    .await
            }
        }
    }

    /// Takes words for a listing that is there. A bare address says nothing that could replace anything.
    async fn list_again(
        &self,
        known: Listing,
        method: Option<&'static str>,
        words: Words,
    ) -> Result<Submitted, DeskError> {
        if words == Words::default() {
            let added = Added::Known(known.id);
            self.probe_next(&[added], self.0.clock.wall()).await?;
            return Ok(Submitted {
                listings: vec![(added, known.url)],
                skipped: Vec::new(),
            });
        }
        let method = method.unwrap_or(&known.method);
        self.list_endpoint(known.url, method, words, known.no_probe)
            .await
    }

    async fn list_endpoint(
        &self,
        url: CanonicalUrl,
        method: &str,
        words: Words,
        no_probe: bool,
    ) -> Result<Submitted, DeskError> {
        let now = self.0.clock.wall();
        let new = NewListing {
            url: url.clone(),
            method: method.to_owned(),
            words: words.cleaned(),
            words_from: WordsFrom::Submitted,
            no_probe,
        };
        let added = self.0.store.add(vec![new], now).await?;
        self.probe_next(&added, now).await?;
        Ok(Submitted {
            listings: added
                .into_iter()
                .map(|added| (added, url.clone()))
                .collect(),
            skipped: Vec::new(),
        })
    }

    async fn list_document(
        &self,
        new: Vec<NewListing>,
        skipped: Vec<Skipped>,
    ) -> Result<Submitted, DeskError> {
        let now = self.0.clock.wall();
        let (new, skipped) = self.within_host(new, skipped).await?;
        let urls: Vec<_> = new.iter().map(|new| new.url.clone()).collect();
        let added = self.0.store.add(new, now).await?;
        // New listings are due by themselves, and the probes of known ones go on as they are.
        self.wake_probes();
        let skipped = skipped.into_iter();
        Ok(Submitted {
            listings: added.into_iter().zip(urls).collect(),
            skipped: skipped.map(|it| (it.entry, it.reason)).collect(),
        })
    }

    /// Returns the number of listings that submissions may still add to a host.
    async fn room_of_host(&self, url: &CanonicalUrl) -> Result<usize, DeskError> {
        let query = Query {
            filter: Filter {
                host: Some(url.host().to_owned()),
                ..Filter::default()
            },
            limit: 1,
            ..Query::default()
        };
        let total = self.0.store.search(query).await?.total;
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        Ok(HOST_LISTINGS_MAX.saturating_sub(total))
    }

    /// Leaves the new addresses of a document out for which its host has no room. All are of one host.
    async fn within_host(
        &self,
        mut new: Vec<NewListing>,
        mut skipped: Vec<Skipped>,
    ) -> Result<(Vec<NewListing>, Vec<Skipped>), DeskError> {
        let Some(first) = new.first() else {
            return Ok((new, skipped));
        };
        let mut room = self.room_of_host(&first.url).await?;
        // There is room for all even if all are new, so the store need not be asked for each.
        if new.len() <= room {
            return Ok((new, skipped));
        }
        let mut kept = Vec::with_capacity(new.len());
        for listing in new.drain(..) {
            let id = ListingId::of(&listing.url);
            // One that is listed already takes no more room.
            if self.0.store.listing(id).await?.is_some() {
                kept.push(listing);
            } else if room > 0 {
                room -= 1;
                kept.push(listing);
            } else {
                skipped.push(Skipped {
                    entry: clean(listing.url.as_str(), 200),
                    reason: full(&listing.url).to_string(),
                });
            }
        }
        Ok((kept, skipped))
    }

    /// Brings the probe of a submitted listing forward.
    async fn probe_next(&self, added: &[Added], now: UnixTime) -> Result<(), DeskError> {
        for added in added {
            match added {
                Added::New(id) => self.0.store.schedule(*id, Some(now)).await?,
                // As seldom as for an owner: each probe costs the seller an invoice.
                Added::Known(id) => self.probe_soon(*id, now).await?,
            }
        }
        self.wake_probes();
        Ok(())
    }

    /// Returns the listing of an address. Refuses one that a moderator has hidden.
    async fn kept_at(&self, url: &CanonicalUrl) -> Result<Option<Listing>, DeskError> {
        let listing = self.0.store.listing(ListingId::of(url)).await?;
        let listing = listing.filter(|listing| listing.url == *url);
        match listing.as_ref().and_then(|listing| listing.hidden.as_ref()) {
            Some(hidden) => {
                let text = format!("a moderator has hidden it: {}", hidden.reason);
                Err(DeskError::Banned(text))
            }
            None => Ok(listing),
        }
    }

    /// Refuses an address of a banned host, before anything is sent there.
    async fn refuse_banned(&self, url: &CanonicalUrl) -> Result<(), DeskError> {
        match self.0.store.ban_of(url.clone()).await? {
            Some(reason) => Err(DeskError::Banned(format!("the host is banned: {reason}"))),
            None => Ok(()),
        }
    }

    /// Waits until less than sixteen submissions are looked at.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, DeskError> {
        match timeout(LONGEST_WAIT, self.0.submitting.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(DeskError::TooMany(LONGEST_WAIT)),
        }
    }
}

/// Refuses one more listing of a host.
fn full(url: &CanonicalUrl) -> DeskError {
    let text = format!(
        "{} has {HOST_LISTINGS_MAX} listings, and no more can be submitted",
        url.host()
    );
    DeskError::Unlistable("host_full", text)
}

fn url_of(submission: &Submission) -> Result<CanonicalUrl, DeskError> {
    submission
        .url
        .parse()
        .map_err(|error: CanonicalUrlError| DeskError::BadInput {
            field: "url",
            text: error.to_string(),
        })
}

/// Reads the name of a method, if one was given.
pub(super) fn method_named(text: Option<&str>) -> Result<Option<&'static str>, DeskError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let method = method(text).ok_or_else(|| DeskError::BadInput {
        field: "method",
        text: "write GET, POST, PUT, PATCH or DELETE".to_owned(),
    })?;
    Ok(Some(method))
}
