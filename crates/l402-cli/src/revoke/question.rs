//! The question before many tokens end.

use l402::UnixTime;

use super::What;

/// Returns the question that needs a yes, if many tokens end.
pub(crate) fn question(what: &What) -> Option<String> {
    let What::Minted { before, service } = what else {
        return None;
    };
    let of = match service {
        Some(service) => format!("all tokens of {service}"),
        None => "all tokens of all services".to_owned(),
    };
    let before = before.to_rfc3339();
    Some(format!(
        "This ends {of} that may have been minted before {before}, paid ones too, for good. \
         Go on? [y/N]"
    ))
}

/// Reads a time in UTC.
pub(crate) fn time(text: &str) -> Result<UnixTime, String> {
    let time = UnixTime::from_rfc3339(text);
    time.map_err(|error| format!("{error}; write it as 2026-11-30T12:00:00Z"))
}
