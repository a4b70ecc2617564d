//! The words about webhooks, for machines and for people.

use std::fmt::Write as _;

use l402::text::escape;
use l402_gateway::{DeliveryLine, WebhookLine};
use serde_json::{Value, json};

use crate::text::when::utc;

/// Returns every target, for machines.
pub(crate) fn list(lines: &[WebhookLine]) -> Value {
    let targets = lines.iter().map(|line| {
        json!({
            "target": line.target,
            "events": line.events,
            "waiting": line.waiting,
            "delivered": line.delivered,
            "failed": line.failed,
            "last": line.last.map(|time| time.to_rfc3339()),
            "gone": line.gone.map(|time| time.to_rfc3339()),
        })
    });
    json!({ "targets": targets.collect::<Vec<_>>() })
}

/// Returns every target, for people.
pub(crate) fn list_text(lines: &[WebhookLine]) -> String {
    if lines.is_empty() {
        return "no target is configured; name the file with [[webhook]]: --config FILE\n"
            .to_owned();
    }
    let mut text = "waiting  delivered  failed  last delivery        target\n".to_owned();
    for line in lines {
        let last = line.last.map_or_else(|| "-".to_owned(), utc);
        let _ = writeln!(
            text,
            "{:>7}  {:>9}  {:>6}  {last:<19}  {}",
            line.waiting,
            line.delivered,
            line.failed,
            escape(&line.target)
        );
        let _ = writeln!(text, "         of {}", line.events.join(", "));
        if let Some(gone) = line.gone {
            let _ = writeln!(
                text,
                "         GONE since {}: its receiver answered 410, and gets nothing until a replay",
                utc(gone)
            );
        }
    }
    text
}

/// Returns deliveries, for machines.
pub(crate) fn deliveries(lines: &[DeliveryLine]) -> Value {
    let lines = lines.iter().map(|line| {
        json!({
            "id": line.id,
            "type": line.event,
            "created": line.created.to_rfc3339(),
            "target": line.target,
            "state": line.state,
            "failures": line.failures,
            "next": line.next.map(|time| time.to_rfc3339()),
            "tried": line.tried.map(|time| time.to_rfc3339()),
            "outcome": line.outcome,
        })
    });
    json!({ "deliveries": lines.collect::<Vec<_>>() })
}

/// Returns deliveries, for people.
pub(crate) fn deliveries_text(lines: &[DeliveryLine]) -> String {
    if lines.is_empty() {
        return "no deliveries\n".to_owned();
    }
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(
            text,
            "{}  {:<9}  {:<22}  {}",
            utc(line.created),
            line.state,
            line.event,
            escape(&line.target)
        );
        let _ = write!(text, "  {}", line.id);
        if !line.outcome.is_empty() {
            let _ = write!(text, "  {}", escape(&line.outcome));
        }
        if line.failures > 0 {
            let _ = write!(text, "  ({} failed)", line.failures);
        }
        if let Some(next) = line.next {
            let _ = write!(text, "  next {}", utc(next));
        }
        text.push('\n');
    }
    text
}

/// Returns the number of deliveries that wait again, for machines.
pub(crate) fn replayed(number: u64) -> Value {
    json!({ "deliveries": number })
}

/// Returns the number of deliveries that wait again, for people.
pub(crate) fn replayed_text(number: u64) -> String {
    match number {
        0 => "nothing to send again\n".to_owned(),
        1 => "1 delivery is sent again, with the same id\n".to_owned(),
        _ => format!("{number} deliveries are sent again, with the same ids\n"),
    }
}
