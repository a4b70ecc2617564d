//! The answer of a hook in JSON. Whatever is not wholly understood is a denial.

use l402::Msat;
use serde_json::{Map, Value};

use super::Decision;

/// The members of an answer that this program knows. Of `attestation`, which hooks of other wallets
/// send, nothing is used.
const MEMBERS: [&str; 5] = [
    "attestation",
    "decision",
    "max_msat",
    "proposal_id",
    "reason",
];

/// Reads an answer to the proposal of this id.
pub(super) fn read(answer: &[u8], id: &str) -> Decision {
    let Ok(Value::Object(answer)) = serde_json::from_slice(answer) else {
        return Decision::no_answer("the answer of the hook is no JSON object");
    };
    understood(&answer, id).unwrap_or_else(Decision::no_answer)
}

fn understood(answer: &Map<String, Value>, id: &str) -> Result<Decision, String> {
    match answer.get("decision").and_then(Value::as_str) {
        // Before all else: a denial holds, however the rest of it is written.
        Some("deny") => return Ok(denial(answer.get("reason"))),
        Some("allow") => {}
        _ => return Err("the answer of the hook has no decision allow or deny".to_owned()),
    }
    // A member that is not known may narrow the permission.
    if let Some(name) = answer.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(format!(
            "the answer of the hook has the unknown member {name}"
        ));
    }
    if answer.get("proposal_id").is_some_and(|named| named != id) {
        return Err("the answer of the hook is about another proposal".to_owned());
    }
    let max = match answer.get("max_msat") {
        None => None,
        Some(max) => {
            let max = max.as_u64();
            let max = max.ok_or("the hook's max_msat is no whole number of millisatoshi")?;
            Some(Msat::new(max))
        }
    };
    Ok(Decision::Allow { max })
}

fn denial(reason: Option<&Value>) -> Decision {
    let member = |name: &str| reason?.get(name)?.as_str();
    // Some hooks give a text alone.
    let message = member("message").or(reason.and_then(Value::as_str));
    Decision::deny(
        member("code").unwrap_or("denied"),
        message.unwrap_or("the hook gave no reason"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_permission_is_one() {
        let max = |msat| Decision::Allow {
            max: Some(Msat::new(msat)),
        };
        for (answer, decision) in [
            (r#"{"decision":"allow"}"#, Decision::allow()),
            (
                r#"{"decision":"allow","proposal_id":"p"}"#,
                Decision::allow(),
            ),
            (
                r#"{"decision":"allow","attestation":{"a":1}}"#,
                Decision::allow(),
            ),
            (r#"{"decision":"allow","max_msat":0}"#, max(0)),
            (
                r#"{"decision":"allow","max_msat":18446744073709551615}"#,
                max(u64::MAX),
            ),
        ] {
            assert_eq!(read(answer.as_bytes(), "p"), decision, "{answer}");
        }
        for answer in [
            "",
            "allow",
            "[]",
            "null",
            r#"{"decision":"ALLOW"}"#,
            r#"{"decision":true}"#,
            r#"{"allow":true}"#,
            r#"{"decision":"allow"} {"decision":"deny"}"#,
            r#"{"decision":"allow","proposal_id":"q"}"#,
            r#"{"decision":"allow","proposal_id":null}"#,
            r#"{"decision":"allow","max_msat":null}"#,
            r#"{"decision":"allow","max_msat":-1}"#,
            r#"{"decision":"allow","max_msat":1.5}"#,
            r#"{"decision":"allow","max_msat":"50000"}"#,
            r#"{"decision":"allow","max_sats":5}"#,
        ] {
            let decision = read(answer.as_bytes(), "p");
            let failed = matches!(&decision, Decision::Deny { code, .. } if code == "hook_failed");
            assert!(failed, "{answer}: {decision:?}");
        }
    }

    #[test]
    fn a_denial_holds_however_its_reason_is_written() {
        for (answer, code, message) in [
            (
                r#"{"decision":"deny"}"#,
                "denied",
                "the hook gave no reason",
            ),
            (r#"{"decision":"deny","reason":"no"}"#, "denied", "no"),
            (
                r#"{"decision":"deny","reason":{"code":"a","message":"b"}}"#,
                "a",
                "b",
            ),
            (
                r#"{"decision":"deny","reason":7,"x":1}"#,
                "denied",
                "the hook gave no reason",
            ),
        ] {
            let denied = Decision::deny(code, message);
            assert_eq!(read(answer.as_bytes(), "p"), denied, "{answer}");
        }
    }
}
