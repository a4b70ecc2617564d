//! What a 402 asks for that this client cannot pay, in words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use l402::text::escape_within;
use l402::{AuthChallenge, Challenges};
use serde_json::Value;

use super::answer::Case;

/// The most characters of a name that the server chose.
const NAME_CHARS: usize = 20;

/// The most names that are shown.
const NAMES_MAX: usize = 4;

/// Describes an answer without a challenge that can be paid.
pub(super) fn describe(case: &Case<'_>) -> String {
    let document = case.document.as_ref();
    if let Some(asked) = by_x402(case) {
        return format!("this server asks for {asked} by x402; l402 pays Lightning");
    }
    if document.is_some_and(|body| body.get("payment_request_url").is_some()) {
        return "the answer speaks another protocol of the same name, with offers in its body \
                and a payment_request_url; l402 pays Lightning challenges in www-authenticate only"
            .into();
    }
    let challenges: Vec<_> = case.challenges.iter().flat_map(Challenges::iter).collect();
    let methods = names(challenges.iter().filter_map(|one| method(one)));
    if !methods.is_empty() {
        return format!(
            "this server asks for {methods} by the scheme Payment; l402 pays lightning/charge"
        );
    }
    let schemes = names(challenges.iter().map(|one| shown(one.scheme())));
    if schemes.is_empty() {
        "the answer has no www-authenticate challenge".into()
    } else {
        format!("the answer asks for the schemes {schemes} and not for L402")
    }
}

/// Returns the first names, each once.
fn names(all: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in all {
        if names.len() < NAMES_MAX && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

fn shown(text: &str) -> String {
    escape_within(text, NAME_CHARS)
}

/// Returns `METHOD/INTENT` of a challenge of the scheme `Payment`.
fn method(challenge: &AuthChallenge) -> Option<String> {
    let is_payment = challenge.scheme().eq_ignore_ascii_case("payment");
    let method = challenge.param("method").filter(|_| is_payment)?;
    let intent = challenge.param("intent").unwrap_or("charge");
    Some(format!("{}/{}", shown(method), shown(intent)))
}

/// Returns the assets and networks that an x402 answer asks for, in the header of version 2 or in the
/// body of version 1.
fn by_x402(case: &Case<'_>) -> Option<String> {
    let header = case.answer.headers.get("payment-required");
    let header = header.and_then(|value| STANDARD.decode(value.as_bytes()).ok());
    let header: Option<Value> = header.and_then(|json| serde_json::from_slice(&json).ok());
    let mut answers = [header.as_ref(), case.document.as_ref()]
        .into_iter()
        .flatten();
    let answer = answers.find(|answer| answer.get("x402Version").is_some())?;
    let accepts = answer.get("accepts").and_then(Value::as_array);
    let assets = names(accepts.into_iter().flatten().filter_map(asset));
    Some(if assets.is_empty() {
        "a payment".to_owned()
    } else {
        assets
    })
}

/// Returns `USDC on base` for one way to pay of x402.
fn asset(way: &Value) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let extra = way.get("extra");
    let name =
        text(extra.and_then(|extra| extra.get("name"))).or_else(|| text(way.get("asset")))?;
    // Contracts of the coin use both names.
    let name = if name == "USD Coin" { "USDC" } else { &name };
    Some(match text(way.get("network")) {
        Some(network) => format!("{} on {}", shown(name), shown(&network)),
        None => shown(name),
    })
}
