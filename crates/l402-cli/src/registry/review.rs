//! A review by somebody who has paid: its proof comes from the journal.

use http::Method;
use l402_client::{Entry, EntryQuery, Journal, PaymentProof, State};
use l402_registry::CanonicalUrl;
use serde_json::json;

use super::at_listing::AtListing;
use super::client::Call;
use super::show::url_of;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::purchases;

/// The oldest invoice that a registry takes.
const AGE_MAX_SECS: u64 = 30 * 24 * 3600;

/// The most payments at one origin that are looked at.
const LOOKED_AT_MAX: u32 = 100;

/// A review.
#[derive(Clone, Debug)]
pub(crate) struct NewReview {
    pub(crate) stars: u8,
    pub(crate) text: String,
    /// The first digits of a payment hash; the newest payment at the service without them.
    pub(crate) payment: Option<String>,
}

/// Sends a review, with invoice and preimage of a payment at the origin of the listing. The token stays here.
///
/// # Errors
/// If nothing was paid there within 30 days, or the registry refuses.
pub(crate) async fn review(at: &AtListing<'_>, review: &NewReview) -> Result<(), CliError> {
    let url = url_of(&at.client, &at.subject).await?;
    let journal = Journal::open(&at.context.home.client()?)?;
    let proof = match &review.payment {
        Some(digits) => {
            let entry = purchases::find(&journal, digits)?;
            let proof = journal.proof(&entry.payment_hash)?;
            proof.ok_or_else(|| unproven(&url, "the payment is not proven"))?
        }
        None => newest(&journal, &url, at.context)?,
    };
    let hash = proof.payment_hash.to_string();
    let body = json!({
        "invoice": proof.invoice,
        "preimage": proof.preimage.to_hex(),
        "stars": review.stars,
        "text": review.text,
    });
    let id = at.id();
    let path = ["services", &id, "reviews"];
    // With a secret body: the preimage proves the payment, and nobody else may read it.
    let call = Call::change(Method::POST, &path).with_secret_body(&body);
    let answer = at.client.send(call).await?;
    let value = json!({ "id": id, "payment_hash": hash, "review": answer });
    at.out.result(&value, || {
        format!(
            "reviewed as the holder of the paid invoice {hash}\n{}\n",
            at.page()
        )
    })
}

/// Returns the proof of the newest payment of the last 30 days at the origin of a listing: one for its own
/// path, or else any.
fn newest(
    journal: &Journal,
    url: &CanonicalUrl,
    context: &Context,
) -> Result<PaymentProof, CliError> {
    let now = context.clock.wall().secs();
    let since = l402::UnixTime::from_secs(now.saturating_sub(AGE_MAX_SECS));
    let origin = url.url().origin().ascii_serialization();
    let query = EntryQuery::default()
        .of_origin(origin)
        .since(since)
        .in_states([State::Served, State::Paid, State::Refused]);
    let mut entries = journal.page(&query, LOOKED_AT_MAX, None)?.entries;
    let path = url.url().path();
    // Stable, so that the newest stays first of each kind.
    entries.sort_by_key(|entry: &Entry| entry.path != path);
    for entry in &entries {
        if let Some(proof) = journal.proof(&entry.payment_hash)? {
            return Ok(proof);
        }
    }
    Err(unproven(url, "nothing was paid there in the last 30 days"))
}

fn unproven(url: &CanonicalUrl, why: &str) -> CliError {
    let text = format!("there is no proof of a payment at {}: {why}", url.host());
    CliError::new(exit_code::USAGE, "no_payment", text).with_hint(
        "buy there first, with `l402 get URL`; `l402 payments` lists what was paid, and --payment names one",
    )
}
