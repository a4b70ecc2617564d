//! The announcement of a gateway: its document is found, and submitted once.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::add::{describe, submit};
use super::client::RegistryClient;
use crate::error::CliError;
use crate::exit_code;
use crate::outgoing;
use crate::text::output::Output;

/// The documents in which a gateway says what it sells, the richest first.
const DOCUMENTS: [&str; 3] = [
    "/.well-known/l402-services",
    "/.well-known/l402.json",
    "/openapi.json",
];

/// The longest time for one document.
const TIME: Duration = Duration::from_secs(5);

/// The longest document, in bytes.
const DOCUMENT_MAX: usize = 1024 * 1024;

/// Finds the document of the gateway at a URL, submits it, and prints what became of each entry.
///
/// # Errors
/// If the gateway has none, or the registry cannot be asked, or refuses.
pub(crate) async fn announce(
    client: &RegistryClient,
    gateway: &Url,
    out: Output,
) -> Result<(), CliError> {
    let (document, answer) = announced(client, gateway).await?;
    out.tell(&format!("{document} was submitted"));
    out.result(&answer, || describe(client, &answer))
}

/// Finds the document of the gateway at a URL, and submits it.
///
/// # Errors
/// As [`announce`].
pub(crate) async fn announced(
    client: &RegistryClient,
    gateway: &Url,
) -> Result<(Url, Value), CliError> {
    let document = document_of(gateway).await?;
    let body = json!({ "url": document.as_str() });
    let answer = submit(client, &body).await?;
    Ok((document, answer))
}

async fn document_of(gateway: &Url) -> Result<Url, CliError> {
    for path in DOCUMENTS {
        let mut url = gateway.clone();
        url.set_path(path);
        url.set_query(None);
        url.set_fragment(None);
        if has_entries(&url).await? {
            return Ok(url);
        }
    }
    let text = format!(
        "{gateway} answers none of {}; nothing was announced",
        DOCUMENTS.join(", ")
    );
    Err(CliError::new(exit_code::UNAVAILABLE, "transport", text)
        .with_hint("`l402 serve` publishes them; `l402 registry add URL` lists a single endpoint"))
}

/// Returns true if there is a JSON document with entries at a URL. The registry reads it anew.
async fn has_entries(url: &Url) -> Result<bool, CliError> {
    let client = outgoing::to(url, false)?.builder()?.timeout(TIME).build();
    let client = client.map_err(CliError::internal)?;
    let Ok(mut answer) = client.get(url.clone()).send().await else {
        return Ok(false);
    };
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if body.len() + chunk.len() > DOCUMENT_MAX {
            return Ok(false);
        }
        body.extend_from_slice(&chunk);
    }
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    let has = |name: &str| match value.get(name) {
        Some(Value::Array(entries)) => !entries.is_empty(),
        Some(Value::Object(entries)) => !entries.is_empty(),
        _ => false,
    };
    Ok(answer.status().is_success() && ["services", "endpoints", "paths"].into_iter().any(has))
}
