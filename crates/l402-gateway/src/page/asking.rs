//! The values of the page for a browser without script that has asked if it has paid.

use core::fmt::Write as _;

use http::StatusCode;

use super::language::Words;
use super::offer::ENDPOINT;
use super::variable::{Values, escape};

/// The state of the payment that was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaidState {
    /// It may come yet.
    Open,
    /// It cannot come any more, or is not enough.
    Ended,
    /// Nobody can say at the moment.
    Unknown,
    /// The question itself is refused.
    Refused,
}

/// A question that was answered with no.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) status: StatusCode,
    pub(crate) state: PaidState,
    /// The code of the answer, for a program.
    pub(crate) code: &'a str,
    /// A text for an operator who reads it; empty for none.
    pub(crate) detail: &'a str,
    pub(crate) token: &'a str,
    /// The path to which the buyer wants to go, as the browser has sent it.
    pub(crate) path: &'a str,
}

/// Adds the values of the page.
pub(super) fn put<'a>(values: &mut Values<'a>, words: &'a Words, asking: &Asking<'a>) {
    let (what, next) = match asking.state {
        PaidState::Open => ("pending_what", "unpaid_next"),
        PaidState::Ended => ("ended_what", "ended_next"),
        PaidState::Unknown => ("node_what", "unpaid_next"),
        PaidState::Refused => ("bad_what", "broken_next"),
    };
    values.text("what", words.get(what));
    values.text("next", words.get(next));
    values.text("kept", asking.detail);
    values.text("status", asking.status.as_str().to_owned());
    values.text("code", asking.code);
    let mut actions = String::new();
    if matches!(asking.state, PaidState::Open | PaidState::Unknown) {
        form(&mut actions, words, asking);
    }
    link(&mut actions, words, asking);
    values.markup("actions", actions);
}

/// Writes the form again: the page before is gone, and with it the invoice that was paid.
fn form(to: &mut String, words: &Words, asking: &Asking<'_>) {
    let _ = write!(
        to,
        "<form method=\"post\" action=\"{ENDPOINT}\" data-l402=\"form\">"
    );
    for (name, value) in [("token", asking.token), ("path", asking.path)] {
        let _ = write!(to, "<input type=\"hidden\" name=\"{name}\" value=\"");
        escape(to, value);
        to.push_str("\">");
    }
    to.push_str("<button class=\"main\" type=\"submit\">");
    escape(to, words.get("have_paid"));
    to.push_str("</button></form>");
}

/// Writes a link back to what is sold, if the path leads to a place of this host.
fn link(to: &mut String, words: &Words, asking: &Asking<'_>) {
    // Browsers read a backslash as a slash, and leave out tabs and line breaks.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let is_elsewhere = asking.path.starts_with("//") || !asking.path.bytes().all(is_plain);
    if !asking.path.starts_with('/') || is_elsewhere {
        return;
    }
    to.push_str("<a class=\"button\" href=\"");
    escape(to, asking.path);
    to.push_str("\">");
    escape(to, words.get("fresh"));
    to.push_str("</a>");
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::*;

    fn actions(state: PaidState, path: &str) -> String {
        let asking = Asking {
            status: StatusCode::ACCEPTED,
            state,
            code: "open",
            detail: "",
            token: "\"><script>",
            path,
        };
        let mut values = Values::default();
        put(&mut values, Language::English.wording(), &asking);
        assert!(!values.get("what").is_empty() && !values.get("next").is_empty());
        values.get("actions").to_owned()
    }

    #[test]
    fn texts_stay_texts_and_links_lead_to_this_host() {
        let open = actions(PaidState::Open, "/a?b='");
        assert!(!open.contains("<script>"), "{open}");
        assert!(open.contains("href=\"/a?b=&#39;\""), "{open}");
        for path in [
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!actions(PaidState::Open, path).contains("href"), "{path}");
        }
        assert!(!actions(PaidState::Ended, "/").contains("<form"));
    }
}
