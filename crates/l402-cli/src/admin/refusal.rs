//! The errors of an operator's request, each with what to do next.

use core::fmt;

use http::StatusCode;
use serde_json::{Value, json};

use super::place::Place;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};

/// The problems of the API, with the exit status and the next step of each.
const PROBLEMS: [(&str, ExitCode, &str); 14] = [
    (
        "audit_log",
        exit_code::UNAVAILABLE,
        "the gateway must be able to write audit.log in its home folder: see that the disk has room",
    ),
    (
        "bad_body",
        exit_code::USAGE,
        "`l402 admin help` lists the commands",
    ),
    (
        "bad_parameter",
        exit_code::USAGE,
        "`l402 admin help` lists the commands",
    ),
    (
        "configuration",
        exit_code::GATEWAY_REFUSED,
        "fix the file, then `l402 admin reload`; the gateway goes on with what it served before",
    ),
    (
        "conflict",
        exit_code::GATEWAY_REFUSED,
        "the text says what stands in the way; look at it with `l402 admin config`, and run the command again",
    ),
    (
        "internal",
        exit_code::GATEWAY_REFUSED,
        "the log of the gateway says more",
    ),
    (
        "method",
        exit_code::GATEWAY_REFUSED,
        "gateway and program may differ in version: `l402 --version`",
    ),
    (
        "no_file",
        exit_code::GATEWAY_REFUSED,
        "`l402 serve --print-config > l402.toml` writes a file to start from: then `l402 serve --config l402.toml`",
    ),
    (
        "not_found",
        exit_code::GATEWAY_REFUSED,
        "`l402 admin prices`, `tokens` and `keys` list what there is",
    ),
    (
        "read_only",
        exit_code::GATEWAY_REFUSED,
        "give the gateway's user the right to write the file and its folder",
    ),
    (
        "token_needed",
        exit_code::GATEWAY_REFUSED,
        "the token is admin.token in the home folder of that gateway: name it with --home DIR or --token-file FILE",
    ),
    (
        "too_many_tokens",
        exit_code::GATEWAY_REFUSED,
        "the right token is accepted at any time: --token-file FILE",
    ),
    (
        "unavailable",
        exit_code::UNAVAILABLE,
        "`l402 admin health` shows which part cannot be used",
    ),
    (
        "wrong_host",
        exit_code::GATEWAY_REFUSED,
        "name the listener's own address: --address ADDR",
    ),
];

/// Returns the error for a refusal.
pub(super) fn of(place: &Place, status: StatusCode, body: &[u8]) -> CliError {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(code), Some(detail)) = (problem["code"].as_str(), problem["detail"].as_str()) else {
        return stranger(place, status);
    };
    let mistakes = problem["mistakes"].as_array().into_iter().flatten();
    let mistakes = mistakes.filter_map(|mistake| mistake["message"].as_str());
    let lines: Vec<&str> = core::iter::once(detail).chain(mistakes).collect();
    let known = PROBLEMS.iter().find(|(known, ..)| *known == code);
    let (code, exit, hint) = *known.unwrap_or(&(
        "gateway_refused",
        exit_code::GATEWAY_REFUSED,
        "the log of the gateway says more",
    ));
    let error = CliError::new(exit, code, lines.join("\n")).with_hint(hint);
    error.with_details(json!({ "problem": problem }))
}

/// Returns the error for a listener that answers something else than the API.
pub(super) fn stranger(place: &Place, status: StatusCode) -> CliError {
    let text = format!("{place} is no listener for operators: it answers {status} as none would");
    CliError::new(exit_code::UNAVAILABLE, "not_running", text)
        .with_hint("another program has that port; name the gateway's listener with --address ADDR or --config FILE")
}

/// Returns the error for a listener that does not answer.
pub(super) fn silent(place: &Place, error: &dyn fmt::Display) -> CliError {
    let text = format!("the gateway does not answer operators at {place}: {error}");
    CliError::new(exit_code::UNAVAILABLE, "not_running", text).with_hint(
        "start it: `l402 serve --config FILE`, where the file has a table [admin]; another home is --home DIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> CliError {
        let place = Place::Tcp(([127, 0, 0, 1], 8405).into());
        of(&place, StatusCode::UNAUTHORIZED, body.as_bytes())
    }

    #[test]
    fn a_problem_keeps_its_code_and_says_what_to_do() {
        let error = refused(r#"{"code": "token_needed", "detail": "the token is wrong"}"#);
        assert_eq!(
            (error.code(), error.exit_code().number),
            ("token_needed", 77)
        );
        assert!(error.hint().unwrap().contains("--token-file"));
        let error = refused(
            r#"{"code": "configuration", "detail": "1 mistake", "mistakes": [{"message": "a.toml:1: price"}]}"#,
        );
        assert_eq!(error.to_string(), "1 mistake\na.toml:1: price");
        assert_eq!(error.to_json()["problem"]["code"], "configuration");
        assert_eq!(
            refused(r#"{"code": "new", "detail": "x"}"#).code(),
            "gateway_refused"
        );
        assert_eq!(refused("<html>").code(), "not_running");
    }
}
