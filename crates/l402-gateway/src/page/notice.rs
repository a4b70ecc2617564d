//! The values of a page without an invoice: what happened, and what to do next.

use std::time::Duration;

use http::StatusCode;
use l402::Problem;

use super::language::Words;
use super::offer::time;
use super::variable::{Values, escape};

/// The shortest wait in seconds that a person is told. Nobody counts a single one.
const SHORTEST_WAIT: u64 = 5;

/// A refusal that offers no invoice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happening {
    pub(crate) status: StatusCode,
    pub(crate) problem: Problem,
    pub(crate) retry_after: Option<Duration>,
    /// True if the request was paid for, and can be sent again for nothing.
    pub(crate) is_kept: bool,
}

/// Adds the values of a refusal.
pub(super) fn put<'a>(values: &mut Values<'a>, words: &'a Words, happening: &Happening) {
    let kind = kind(happening.problem);
    let secs = happening.retry_after.unwrap_or_default().as_secs();
    let wait = time(words, secs.max(SHORTEST_WAIT));
    values.text("what", words.get(&format!("{kind}_what")));
    values.text("next", words.with(&format!("{kind}_next"), "{time}", &wait));
    let kept = if happening.is_kept { "kept" } else { "" };
    values.text("kept", words.get(kept));
    values.text("status", happening.status.as_str().to_owned());
    values.text("code", happening.problem.code());
    let mut again = "<a class=\"button main\" href=\"\">".to_owned();
    escape(&mut again, words.get("again"));
    values.markup("actions", again + "</a>");
}

/// Returns the beginning of the names of the words for a problem.
fn kind(problem: Problem) -> &'static str {
    match problem {
        Problem::NoRoute | Problem::Misdirected => "missing",
        Problem::TooManyAttempts | Problem::TooManyChallenges => "many",
        Problem::Overloaded | Problem::StoreUnavailable => "busy",
        Problem::UpstreamUnavailable => "down",
        Problem::NodeUnavailable => "node",
        Problem::UpstreamFailed | Problem::UpstreamFailing | Problem::UpstreamTimeout => "failed",
        Problem::NotSettled => "pending",
        Problem::InUse => "in_use",
        Problem::InvalidAuthFormat | Problem::InvalidToken => "credential",
        Problem::Internal => "broken",
        _ => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::*;

    #[test]
    fn every_problem_has_words() {
        for problem in Problem::ALL {
            let happening = Happening {
                status: StatusCode::NOT_FOUND,
                problem: *problem,
                retry_after: problem.retry_after(),
                is_kept: true,
            };
            let mut values = Values::default();
            put(&mut values, Language::English.wording(), &happening);
            for name in values.names() {
                assert!(!values.get(name).is_empty(), "{problem:?} {name}");
                assert!(!values.get(name).contains('{'), "{problem:?} {name}");
            }
        }
    }
}
