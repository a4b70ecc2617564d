//! The refusals of a registry, as errors of this program.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::plain::escape_short;

/// The longest refusal that is shown, in characters.
const DETAIL_MAX: usize = 600;

/// The codes of a registry's problem documents, each with the exit status and the next step.
const KNOWN: &[(&str, ExitCode, Option<&str>)] = {
    use exit_code::{RATE_LIMITED, REGISTRY_REFUSED, UNAVAILABLE, USAGE};
    &[
        (
            "admin_only",
            REGISTRY_REFUSED,
            Some(
                "--token-file names the file of the moderators' token; the registry makes it in L402_HOME/registry/admin.token",
            ),
        ),
        ("bad_body", USAGE, None),
        ("bad_input", USAGE, None),
        ("bad_parameter", USAGE, None),
        (
            "banned",
            REGISTRY_REFUSED,
            Some("the keepers of the registry have decided so"),
        ),
        (
            "hidden",
            REGISTRY_REFUSED,
            Some("the keepers of the registry have decided so"),
        ),
        (
            "internal",
            UNAVAILABLE,
            Some("try again later; the registry's own log says why"),
        ),
        (
            "key_missing",
            REGISTRY_REFUSED,
            Some("`l402 registry claim URL` makes you the owner"),
        ),
        (
            "not_found",
            REGISTRY_REFUSED,
            Some(
                "`l402 registry search` lists what there is, and `l402 registry add URL` adds one",
            ),
        ),
        (
            "not_proved",
            REGISTRY_REFUSED,
            Some(
                "publish what `l402 registry claim URL` prints, then add --finish; with --wait 1h it looks again and again",
            ),
        ),
        (
            "taken",
            REGISTRY_REFUSED,
            Some("`l402 registry show URL` shows what is there"),
        ),
        ("too_fast", RATE_LIMITED, None),
        ("too_many", RATE_LIMITED, None),
        (
            "wrong_host",
            REGISTRY_REFUSED,
            Some("ask the registry by its public address"),
        ),
    ]
};

/// Returns the error for an answer that is no success.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap, answer: Option<&Value>) -> CliError {
    let field = |name: &str| answer.and_then(|it| it.get(name)).and_then(Value::as_str);
    let (Some(code), Some(detail)) = (field("code"), field("detail")) else {
        return not_a_registry(status);
    };
    let says = match code {
        "hidden" => "the listing is hidden",
        _ => "the registry refuses",
    };
    let mut text = format!("{says}: {}", escape_short(detail, DETAIL_MAX));
    if let Some(other) = field("merged_into") {
        text += &format!("; it is the same as {}", escape_short(other, 16));
    }
    let after = headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok());
    match KNOWN.iter().find(|(known, ..)| *known == code) {
        Some((code, exit, hint)) => {
            let error = CliError::new(*exit, code, text);
            match (hint, after.filter(|_| *exit == exit_code::RATE_LIMITED)) {
                (Some(hint), _) => error.with_hint(*hint),
                (None, Some(after)) => {
                    error.with_hint(format!("try again in {} s", escape_short(after, 10)))
                }
                (None, None) => error,
            }
        }
        // What could not be listed has a code for each reason, which grows with the probes.
        None if status == StatusCode::UNPROCESSABLE_ENTITY => {
            let text = format!("{text} ({})", escape_short(code, 40));
            CliError::new(exit_code::REGISTRY_REFUSED, "unlistable", text)
                .with_hint("`l402 doctor URL` shows what the address answers, rule by rule")
        }
        None => CliError::new(exit_code::REGISTRY_REFUSED, "refused", text)
            .with_hint("check that --registry names a registry; its page says what it is"),
    }
}

fn not_a_registry(status: StatusCode) -> CliError {
    let text = format!(
        "the answer is {} and no registry's; nothing was changed",
        status.as_u16()
    );
    CliError::new(exit_code::UNAVAILABLE, "transport", text)
        .with_hint("check --registry: it is the address of the registry's page, without a path")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_registrys_words_and_ours() {
        let headers = HeaderMap::from_iter([(
            http::header::RETRY_AFTER,
            http::HeaderValue::from_static("17"),
        )]);
        for (status, code, exit, hint) in [
            (422, "bad_input", exit_code::USAGE, None),
            (
                409,
                "taken",
                exit_code::REGISTRY_REFUSED,
                Some("registry show"),
            ),
            (429, "too_many", exit_code::RATE_LIMITED, Some("in 17 s")),
            (
                422,
                "private_address",
                exit_code::REGISTRY_REFUSED,
                Some("doctor"),
            ),
            // A gateway has problem documents as well.
            (
                404,
                "no_such_route",
                exit_code::REGISTRY_REFUSED,
                Some("--registry"),
            ),
            (
                422,
                "not_proved",
                exit_code::REGISTRY_REFUSED,
                Some("--finish"),
            ),
        ] {
            let answer = json!({ "code": code, "detail": "no\u{1b}[2J" });
            let status = StatusCode::from_u16(status).unwrap();
            let error = refusal(status, &headers, Some(&answer));
            assert_eq!(error.exit_code(), exit, "{code}");
            let text = error.to_string();
            assert!(text.contains("no\\u{1b}[2J"), "{text}");
            if let Some(hint) = hint {
                assert!(error.hint().unwrap().contains(hint), "{code}");
            }
        }
        let error = refusal(StatusCode::OK, &headers, Some(&json!([])));
        assert_eq!(error.exit_code(), exit_code::UNAVAILABLE);
    }
}
