//! A listing for people. Every text of it is a stranger's, and escaped.

use serde_json::Value;

use crate::text::invoice::columns;
use crate::text::output::style::{self, paint};
use crate::text::plain::escape_short;

/// Returns a text of a listing, escaped and cut.
pub(super) fn text(value: &Value, pointer: &str, max: usize) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty()).then(|| escape_short(text, max))
}

/// Returns the price in satoshi, or in millisatoshi if it is no whole satoshi: observed, or claimed with a
/// mark.
pub(super) fn price(service: &Value) -> String {
    let msat = |pointer: &str| service.pointer(pointer).and_then(Value::as_u64);
    match (msat("/observed/price_msat"), msat("/claimed_price_msat")) {
        (Some(seen), Some(claimed)) if seen != claimed => {
            format!("{} (claimed: {})", amount(seen), amount(claimed))
        }
        (Some(seen), _) => amount(seen),
        (None, Some(claimed)) => format!("{} (claimed)", amount(claimed)),
        (None, None) => match text(service, "/claimed_price_other", 20) {
            Some(other) => format!("{other} (claimed)"),
            None => "unknown".to_owned(),
        },
    }
}

fn amount(msat: u64) -> String {
    l402::Msat::new(msat).to_string()
}

/// Returns the state, coloured.
pub(super) fn state(service: &Value) -> String {
    let state = text(service, "/state", 10).unwrap_or_default();
    let style = match &*state {
        "up" => style::GOOD,
        "down" | "not_402" => style::BAD,
        "degraded" => style::MONEY,
        _ => style::FAINT,
    };
    paint(style, &state)
}

/// Returns the owner in words.
fn owner(service: &Value) -> String {
    match text(service, "/owner/proof", 10) {
        Some(proof) => {
            let since = text(service, "/owner/since", 30).unwrap_or_default();
            format!("proved by {proof}, since {since}")
        }
        None => "nobody has proved to own this listing".to_owned(),
    }
}

/// Returns a whole listing for people.
pub(super) fn detail(service: &Value, page: &str) -> String {
    let of = |pointer: &str, max| text(service, pointer, max).unwrap_or_else(|| "-".to_owned());
    // Each text is a stranger's, through a registry that may be one too: cut, and escaped.
    let list = |pointer: &str| {
        let items = service.pointer(pointer).and_then(Value::as_array);
        let items = items.into_iter().flatten().filter_map(Value::as_str);
        let items: Vec<_> = items.map(|item| escape_short(item, 40)).collect();
        if items.is_empty() {
            "-".to_owned()
        } else {
            items.join(", ")
        }
    };
    let title = of("/name", 100);
    let mut rows = vec![
        ("url", of("/url", 300)),
        ("method", of("/http_method", 10)),
        ("state", state_with_reason(service)),
        ("price", price(service)),
        ("network", of("/observed/network", 20)),
        ("node", of("/observed/node", 66)),
        ("forms", list("/observed/forms")),
        ("can pay it", list("/observed/clients")),
        ("last looked at", of("/last_checked", 30)),
        ("owner", owner(service)),
        ("words from", of("/words_from", 20)),
    ];
    if let Some(days) = service.get("uptime_30d").and_then(Value::as_f64) {
        rows.push(("up in 30 days", format!("{days:.1} %")));
    }
    if let Some(works) = service
        .pointer("/paid_probe/works")
        .and_then(Value::as_bool)
    {
        let word = if works { "yes" } else { "no" };
        rows.push((
            "works when paid",
            format!("{word}, by the registry's own purchase"),
        ));
    }
    let description = text(service, "/description", 600);
    let description = description.map(|it| format!("{}\n", paint(style::FAINT, &it)));
    format!(
        "{}\n{}{}{}\n",
        paint(style::TITLE, &title),
        description.unwrap_or_default(),
        columns(&rows),
        paint(style::FAINT, page)
    )
}

fn state_with_reason(service: &Value) -> String {
    match text(service, "/reason/text", 300) {
        Some(reason) => format!("{}: {reason}", state(service)),
        None => state(service),
    }
}
