//! Reviews, the owner's answers to them, and marks of abuse.

use std::net::IpAddr;

use l402::{PaymentHash, UnixTime};

use super::Registry;
use super::error::DeskError;
use crate::listing::{Listing, ListingId, NewReview, NewReviewError, REVIEW_TEXT_MAX, clean};
use crate::review::Paid;
use crate::store::{Review, ReviewFate, StoreError};

impl Registry {
    /// Adds a review by somebody who holds a paid invoice of the listing's node.
    ///
    /// The invoice is signed by a node that this registry itself has seen in the listing's 402, on the same
    /// network, at most 30 days old, with an amount, and was never reviewed before, here or at another listing.
    ///
    /// # Errors
    /// `NotFound`; `Banned` for a hidden listing; `BadInput` naming the field; `NotProved` for an invoice of
    /// another node; `Taken` for a payment that has its review; `TooMany`; `Internal`.
    pub async fn review(
        &self,
        id: ListingId,
        new: NewReview,
        peer: Option<IpAddr>,
    ) -> Result<Review, DeskError> {
        let moment = self.0.clock.monotonic();
        self.0.limits.reviews.take_for(peer, (), moment)?;
        let now = self.0.clock.wall();
        new.check()?;
        let paid = Paid::check(&new, now)?;
        let listing = self.shown_listing(id).await?;
        self.check_seller(&listing, &paid, now).await?;
        let review = Review {
            payment_hash: paid.payment_hash,
            listing: id,
            at: now,
            invoice_at: paid.at,
            paid: paid.amount,
            stars: new.stars,
            text: clean(&new.text, REVIEW_TEXT_MAX),
            answer: None,
            abuse: 0,
            // The store counts at most three a day.
            counts: true,
            hidden: false,
        };
        let added = self.0.store.add_review(review.clone()).await;
        added.map_err(|error| match error {
            StoreError::Taken => DeskError::Taken("this payment has its review already".to_owned()),
            other => other.into(),
        })?;
        let kept = self.0.store.reviews(id, true).await?;
        let kept = kept
            .into_iter()
            .find(|it| it.payment_hash == review.payment_hash);
        // A list of a hundred others of this very second does not count any more either.
        Ok(kept.unwrap_or(Review {
            counts: false,
            ..review
        }))
    }

    /// Sets the owner's answer to a review, at most 1,000 characters; `None` takes it back.
    ///
    /// # Errors
    /// `NotFound`; `NotProved` for another key; `Internal`.
    pub async fn answer_review(
        &self,
        id: ListingId,
        key: &str,
        payment_hash: PaymentHash,
        answer: Option<&str>,
    ) -> Result<(), DeskError> {
        self.owned(id, key).await?;
        let answer = answer.map(|text| clean(text, REVIEW_TEXT_MAX));
        let fate = ReviewFate::Answer(answer.filter(|text| !text.is_empty()));
        Ok(self.0.store.judge_review(id, payment_hash, fate).await?)
    }

    /// Marks a review as abuse, for a moderator to look at. One address marks one review once a day.
    ///
    /// # Errors
    /// `NotFound`; `TooMany`; `Internal`.
    pub async fn report_review(
        &self,
        id: ListingId,
        payment_hash: PaymentHash,
        peer: Option<IpAddr>,
    ) -> Result<(), DeskError> {
        let (limits, moment) = (&self.0.limits, self.0.clock.monotonic());
        limits.reports.take_for(peer, (), moment)?;
        let of_review = &limits.reports_of_review;
        of_review.take_for(peer, payment_hash.as_bytes(), moment)?;
        let store = &self.0.store;
        Ok(store
            .judge_review(id, payment_hash, ReviewFate::Abuse)
            .await?)
    }

    /// Refuses an invoice of a node that this registry has not seen in the listing's 402.
    async fn check_seller(
        &self,
        listing: &Listing,
        paid: &Paid,
        now: UnixTime,
    ) -> Result<(), DeskError> {
        let seen = listing.observed.as_ref();
        let network = seen.and_then(|seen| seen.network);
        // The same key may sign on a network whose money is worth nothing.
        if let Some(network) = network.filter(|network| *network != paid.network) {
            let text = format!(
                "it is on {}, and the service sells on {network}",
                paid.network
            );
            return Err(DeskError::BadInput {
                field: "invoice",
                text,
            });
        }
        if seen.and_then(|seen| seen.node) == Some(paid.node) {
            return Ok(());
        }
        let history = self.0.store.history(listing.id, now).await?;
        let is_earlier = |node: &[u8; 33]| *node == paid.node;
        if history
            .points
            .iter()
            .filter_map(|point| point.node.as_ref())
            .any(is_earlier)
        {
            return Ok(());
        }
        let text =
            "the invoice is not signed by a node that this registry has seen at this service";
        Err(DeskError::NotProved(text.to_owned()))
    }
}

impl From<NewReviewError> for DeskError {
    fn from(error: NewReviewError) -> Self {
        let NewReviewError { field, text } = error;
        Self::BadInput { field, text }
    }
}
