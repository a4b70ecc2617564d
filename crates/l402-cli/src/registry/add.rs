//! A submission to a registry.

use http::Method;
use serde_json::{Map, Value, json};

use super::client::{Call, RegistryClient};
use super::view;
use crate::error::CliError;
use crate::text::output::Output;
use crate::text::output::style::{self, paint};
use crate::text::plain::escape_short;

/// The words that a submission gives a single endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewWords {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) docs: Option<String>,
    pub(crate) method: Option<String>,
}

/// Submits a URL: of an endpoint, or of a document that lists some.
///
/// # Errors
/// If the registry cannot be asked, or refuses.
pub(crate) async fn add(
    client: &RegistryClient,
    url: &str,
    words: &NewWords,
    out: Output,
) -> Result<(), CliError> {
    let mut body = Map::from_iter([("url".to_owned(), json!(url))]);
    let texts = [
        ("name", &words.name),
        ("description", &words.description),
        ("category", &words.category),
        ("docs", &words.docs),
        ("method", &words.method),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            body.insert(field.to_owned(), json!(text));
        }
    }
    if !words.tags.is_empty() {
        body.insert("tags".to_owned(), json!(words.tags));
    }
    let answer = submit(client, &Value::Object(body)).await?;
    out.result(&answer, || describe(client, &answer))
}

/// Sends a submission, and returns the answer of the registry.
///
/// # Errors
/// If the registry cannot be asked, or refuses.
pub(super) async fn submit(client: &RegistryClient, body: &Value) -> Result<Value, CliError> {
    let call = Call::change(Method::POST, &["services"]).with_body(body);
    client.send(call).await
}

/// Returns what became of a submission, for people.
pub(super) fn describe(client: &RegistryClient, answer: &Value) -> String {
    let mut text = String::new();
    let list = |name: &str| answer.get(name).and_then(Value::as_array);
    let listings = list("listings").map(Vec::as_slice).unwrap_or_default();
    for listing in listings {
        let is_new = listing.get("new").and_then(Value::as_bool) == Some(true);
        let word = if is_new {
            paint(style::GOOD, "listed")
        } else {
            paint(style::FAINT, "known ")
        };
        let id = view::text(listing, "/id", 16).unwrap_or_default();
        let url = view::text(listing, "/url", 200).unwrap_or_default();
        text += &format!("{word}  {id}  {url}\n");
    }
    for skipped in list("skipped").into_iter().flatten() {
        let entry = view::text(skipped, "/entry", 200).unwrap_or_default();
        let reason = view::text(skipped, "/reason", 300).unwrap_or_default();
        text += &format!("{}  {entry}: {reason}\n", paint(style::MONEY, "left out"));
    }
    if let [only] = listings {
        let id = view::text(only, "/id", 16).unwrap_or_default();
        text += &format!("{}\n", paint(style::FAINT, &client.page_of(&id)));
    }
    if listings.is_empty() {
        let base = escape_short(client.base().as_str(), 200);
        text += &format!("nothing was listed at {base}\n");
    }
    text
}
