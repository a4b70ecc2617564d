//! A search in a registry.

use serde_json::Value;

use super::client::{Call, RegistryClient};
use super::view;
use crate::error::CliError;
use crate::text::output::Output;
use crate::text::output::style::{self, paint};

/// A search: words, filters, order and page. Each is a parameter of the API.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    pub(crate) words: Vec<String>,
    /// The filters, by the name of the parameter.
    pub(crate) filters: Vec<(&'static str, String)>,
    /// The most listings.
    pub(crate) limit: u32,
}

/// Finds listings and prints them.
///
/// # Errors
/// If the registry cannot be asked, or refuses.
pub(crate) async fn search(
    client: &RegistryClient,
    search: &Search,
    out: Output,
) -> Result<(), CliError> {
    let mut query = vec![("limit", search.limit.to_string())];
    if !search.words.is_empty() {
        query.push(("q", search.words.join(" ")));
    }
    query.extend(search.filters.iter().cloned());
    let answer = client.send(Call::get(&["services"], &query)).await?;
    out.result(&answer, || table(&answer))
}

fn table(answer: &Value) -> String {
    let services = answer.get("services").and_then(Value::as_array);
    let services = services.map(Vec::as_slice).unwrap_or_default();
    if services.is_empty() {
        return "nothing was found: try fewer words or filters; `l402 registry add URL` lists a service\n"
            .to_owned();
    }
    let head = format!(
        "{:<16}  {:<8}  {:<12}  {:<5}  service",
        "id", "state", "price", "owner"
    );
    let mut text = format!("{}\n", paint(style::TITLE, &head));
    for service in services {
        let of = |pointer: &str, max| view::text(service, pointer, max).unwrap_or_default();
        // Padded before it is coloured: a terminal does not count the colours.
        let state = of("/state", 10);
        let pad = " ".repeat(8_usize.saturating_sub(state.chars().count()));
        let owner = view::text(service, "/owner/proof", 5).unwrap_or_else(|| "-".to_owned());
        text += &format!(
            "{}  {}{pad}  {:<12}  {owner:<5}  {} {}\n",
            of("/id", 16),
            view::state(service),
            view::price(service),
            of("/name", 40),
            paint(style::FAINT, &of("/url", 100)),
        );
    }
    let total = answer.get("total").and_then(Value::as_u64);
    if let Some(total) = total.filter(|total| *total > services.len() as u64) {
        text += &paint(style::FAINT, &format!("{} of {total}", services.len()));
        text.push('\n');
    }
    if let Some(next) = view::text(answer, "/next", 100) {
        text += &paint(style::FAINT, &format!("--after {next} shows the next ones"));
        text.push('\n');
    }
    text
}
