//! The words about revocations, for machines and for people.

use std::fmt::Write as _;

use l402_server::revoked::{Revocation, Revoke};
use serde_json::{Value, json};

use super::Done;
use crate::text::hex::hex;
use crate::text::when::utc;

/// The time within which every gateway that runs refuses what was revoked, in milliseconds.
const KNOWN_WITHIN_MS: u32 = 1000;

/// Returns what was done, for machines.
pub(crate) fn done(done: &Done) -> Value {
    json!({
        "revoked": entry(&done.revocation),
        "new": done.is_new,
        "known_within_ms": KNOWN_WITHIN_MS,
    })
}

/// Returns what was done, for people.
pub(crate) fn done_text(done: &Done) -> String {
    let what = named(&done.revocation.what);
    if !done.is_new {
        return format!("{what}: revoked before, nothing has changed\n");
    }
    let mut text = format!(
        "revoked: {what}\nGateways that run refuse it within a second, others from their start on.\n"
    );
    if let Revoke::Minted {
        spares: Some(number),
        ..
    } = &done.revocation.what
    {
        let _ = writeln!(
            text,
            "Key number {} has begun: what it sells from now on stays good.",
            number.0
        );
    }
    text
}

/// Returns all revocations, for machines.
pub(crate) fn list(all: &[(i64, Revocation)]) -> Value {
    let entries = all.iter().map(|(number, revocation)| {
        let mut entry = entry(revocation);
        entry["number"] = json!(number);
        entry
    });
    json!({ "revocations": entries.collect::<Vec<_>>() })
}

/// Returns all revocations, for people.
pub(crate) fn list_text(all: &[(i64, Revocation)]) -> String {
    if all.is_empty() {
        return "nothing is revoked\n".to_owned();
    }
    let mut text = String::new();
    for (number, revocation) in all {
        let (when, what) = (utc(revocation.revoked), named(&revocation.what));
        let _ = writeln!(text, "{number:>6}  {when}  {what}");
    }
    text
}

/// Returns an entry with the same fields whatever it ends.
fn entry(revocation: &Revocation) -> Value {
    let (mut token, mut payment, mut of_service, mut until, mut spared) =
        (None, None, None, None, None);
    match &revocation.what {
        Revoke::Token(id) => token = Some(hex(id.as_bytes())),
        Revoke::Payment(hash) => payment = Some(hex(hash.as_bytes())),
        Revoke::Minted {
            before,
            service,
            spares,
        } => {
            of_service = service.as_ref().map(ToString::to_string);
            until = Some(before.to_rfc3339());
            spared = spares.map(|number| number.0);
        }
        // A kind that the library adds before it is known here.
        _ => {}
    }
    json!({
        "token": token,
        "payment_hash": payment,
        "service": of_service,
        "before": until,
        "spares_from_key": spared,
        "revoked": revocation.revoked.to_rfc3339(),
        "ends": revocation.ends.map(|ends| ends.to_rfc3339()),
    })
}

/// Names what is ended, for people.
fn named(what: &Revoke) -> String {
    match what {
        Revoke::Token(id) => format!("token {}", hex(id.as_bytes())),
        Revoke::Payment(hash) => format!("tokens of payment {}", hex(hash.as_bytes())),
        Revoke::Minted {
            before, service, ..
        } => {
            let of = service.as_ref();
            let of = of.map_or("all services".to_owned(), ToString::to_string);
            format!("tokens of {of} minted before {}", before.to_rfc3339())
        }
        _ => "what this version does not know".to_owned(),
    }
}
