//! One listing of a registry.

use serde_json::Value;

use super::at::Subject;
use super::client::{Call, RegistryClient};
use super::view;
use crate::error::CliError;
use crate::text::output::Output;
use crate::text::plain::escape_short;

/// Prints one listing, with its reviews.
///
/// # Errors
/// If the registry cannot be asked, or has no such listing.
pub(crate) async fn show(
    client: &RegistryClient,
    subject: &Subject,
    out: Output,
) -> Result<(), CliError> {
    let id = subject.id.to_string();
    let mut service = client.send(Call::get(&["services", &id], &[])).await?;
    let reviews = client
        .send(Call::get(&["services", &id, "reviews"], &[]))
        .await?;
    // An answer names a review by its payment hash, which stands nowhere else.
    if let (Some(of), Some(newest)) = (
        service.get_mut("reviews").and_then(Value::as_object_mut),
        reviews.get("reviews"),
    ) {
        of.insert("newest".to_owned(), newest.clone());
    }
    out.result(&service, || {
        view::detail(&service, &client.page_of(&id)) + &review_lines(&reviews)
    })
}

/// Returns the address of a listing, for what is about the URL itself.
///
/// # Errors
/// As [`show`].
pub(super) async fn url_of(
    client: &RegistryClient,
    subject: &Subject,
) -> Result<l402_registry::CanonicalUrl, CliError> {
    if let Some(url) = &subject.url {
        return Ok(url.clone());
    }
    let id = subject.id.to_string();
    let service = client.send(Call::get(&["services", &id], &[])).await?;
    let text = service["url"].as_str().unwrap_or_default();
    let url: l402_registry::CanonicalUrl = text
        .parse()
        .map_err(|error| CliError::internal(format!("the registry's URL of {id}: {error}")))?;
    // The name is a hash of the URL, so a registry cannot name another one.
    if l402_registry::ListingId::of(&url) == subject.id {
        return Ok(url);
    }
    let shown = escape_short(url.as_str(), 200);
    Err(CliError::internal(format!(
        "the registry says that {id} is {shown}, which has another name"
    )))
}

fn review_lines(reviews: &Value) -> String {
    let all = reviews.get("reviews").and_then(Value::as_array);
    let mut text = String::new();
    for review in all.into_iter().flatten().take(10) {
        let stars = review.get("stars").and_then(Value::as_u64).unwrap_or(0);
        let stars = usize::try_from(stars.min(5)).unwrap_or_default();
        let words = view::text(review, "/text", 200).unwrap_or_default();
        let hash = view::text(review, "/payment_hash", 64).unwrap_or_default();
        text += &format!(
            "  {:<5} {words}\n        paid invoice {hash}\n",
            "*".repeat(stars)
        );
        if let Some(answer) = view::text(review, "/answer", 200) {
            text += &format!("        the owner answers: {answer}\n");
        }
    }
    text
}
