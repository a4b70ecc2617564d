//! A review, as its writer sends it.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The most stars.
const STARS_MAX: u8 = 5;

/// The most characters of a text.
pub(crate) const REVIEW_TEXT_MAX: usize = 1000;

/// The fields in which somebody might send a credential.
const CREDENTIALS: [&str; 6] = [
    "authorization",
    "credential",
    "l402",
    "lsat",
    "macaroon",
    "token",
];

/// The advice to somebody who sends a credential.
const NEVER: &str = "never send the token of a purchase: it opens what was paid for; invoice and preimage \
                     are enough";

/// A review by somebody who has paid. `Debug` does not show the preimage.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// The invoice that was paid.
    pub invoice: String,
    /// The preimage that was learned by paying, 64 hex digits. It is checked, and not kept.
    pub preimage: String,
    /// One to five.
    pub stars: u8,
    /// The words, at most 1,000 characters; more are cut off.
    #[serde(default)]
    pub text: String,
}

/// The reason why a text is no review: the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReviewError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it, and what to write.
    pub text: String,
}

impl NewReviewError {
    pub(crate) fn new(field: &'static str, text: &str) -> Self {
        let text = text.to_owned();
        Self { field, text }
    }
}

impl fmt::Display for NewReviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

impl std::error::Error for NewReviewError {}

impl fmt::Debug for NewReview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewReview")
            .field("invoice", &self.invoice)
            .field("stars", &self.stars)
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

impl NewReview {
    /// Reads a review from JSON. A field that could hold a credential is refused with the advice never to
    /// send one.
    ///
    /// # Errors
    /// See [`NewReviewError`].
    pub fn from_json(json: Value) -> Result<Self, NewReviewError> {
        let fields = json
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys());
        for field in fields {
            let known = CREDENTIALS
                .iter()
                .find(|known| known.eq_ignore_ascii_case(field));
            if let Some(field) = known {
                return Err(NewReviewError::new(field, NEVER));
            }
        }
        let read: Self = serde_json::from_value(json).map_err(|error| {
            let error = l402::text::escape_within(&error.to_string(), 200);
            NewReviewError::new(
                "review",
                &format!("{error}; write invoice, preimage, stars and text"),
            )
        })?;
        read.check()?;
        Ok(read)
    }

    /// Checks what needs no knowledge of the listing.
    pub(crate) fn check(&self) -> Result<(), NewReviewError> {
        if !(1..=STARS_MAX).contains(&self.stars) {
            return Err(NewReviewError::new("stars", "write a number from 1 to 5"));
        }
        for (field, text) in [("invoice", &self.invoice), ("preimage", &self.preimage)] {
            let word = text
                .trim()
                .split_ascii_whitespace()
                .next()
                .unwrap_or_default();
            let is_scheme = ["L402", "LSAT", "Payment"]
                .iter()
                .any(|scheme| scheme.eq_ignore_ascii_case(word));
            // A credential is a token, a colon and a preimage; an invoice has a colon only in its link.
            if is_scheme || l402::text::bare_invoice(text.trim()).contains(':') {
                return Err(NewReviewError::new(field, NEVER));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn review() -> Value {
        json!({"invoice": "lnbc1", "preimage": "00", "stars": 5, "text": "good"})
    }

    #[test]
    fn a_token_is_refused_with_the_advice_never_to_send_it() {
        NewReview::from_json(review()).unwrap();
        for field in ["token", "macaroon", "Authorization", "credential"] {
            let mut json = review();
            json[field] = "AgEEbHNhdA".into();
            let error = NewReview::from_json(json).unwrap_err();
            assert!(error.text.contains("never send the token"), "{error}");
        }
        for (field, value) in [
            ("preimage", "AgEEbHNhdA==:00"),
            ("preimage", "L402 AgEEbHNhdA==:00"),
            ("invoice", "LSAT AgEEbHNhdA==:00"),
        ] {
            let mut json = review();
            json[field] = value.into();
            let error = NewReview::from_json(json).unwrap_err();
            assert!(error.text.contains("never send the token"), "{error}");
        }
    }

    // ATTACKS G-09: stars out of range count for nothing.
    #[test]
    fn stars_are_one_to_five() {
        for stars in [
            json!(0),
            json!(6),
            json!(255),
            json!(-1),
            json!(256),
            json!(4.5),
            json!("5"),
        ] {
            let mut json = review();
            json["stars"] = stars.clone();
            NewReview::from_json(json).expect_err(&stars.to_string());
        }
    }

    #[test]
    fn unknown_fields_and_other_shapes_are_refused() {
        let mut json = review();
        json["starz"] = 5.into();
        for json in [json, json!([]), json!("x"), json!({})] {
            assert_eq!(NewReview::from_json(json).unwrap_err().field, "review");
        }
    }

    #[test]
    fn debug_shows_no_preimage() {
        let mut json = review();
        json["preimage"] = "abcdef".into();
        let shown = format!("{:?}", NewReview::from_json(json).unwrap());
        assert!(!shown.contains("abcdef"), "{shown}");
    }
}
