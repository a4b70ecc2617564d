//! The page itself: HTML without script, and without anything from elsewhere.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use l402::UnixTime;
use l402_client::Approval;
use sha2::{Digest as _, Sha256};

use crate::agent::question::fields;

/// The style. The policy of the page allows this text alone, by its hash.
const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--faint:#888;--yes:#1a7f37;--no:#b42318}\
*{box-sizing:border-box}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:0 auto;padding:1.5rem 1rem 3rem}\
h1{font-size:1.3rem;margin:0 0 .25rem}p{margin:.5rem 0}\
.faint{color:var(--faint)}\
.said{border-left:.25rem solid var(--faint);padding:.5rem .75rem;margin:1rem 0}\
article{border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:1rem 0}\
h2{font-size:1.6rem;margin:0}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.5rem 0 1rem}\
dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}\
label{display:block;font-size:.9rem}\
input,button{font:inherit;padding:.5rem .75rem;border-radius:.375rem;border:1px solid var(--line)}\
input[type=password]{width:100%;margin:.25rem 0 .75rem}\
button{cursor:pointer;min-width:7rem;margin-right:.5rem;color:#fff;border:0}\
.yes{background:var(--yes)}.no{background:var(--no)}\
a:focus-visible,input:focus-visible,button:focus-visible{outline:3px solid #4c8bf5;outline-offset:2px}";

/// Returns the policy of the page: no script, no frame, nothing from elsewhere, forms to itself alone.
pub(super) fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}

/// The content of the page.
pub(super) struct View<'a> {
    pub(super) waiting: &'a [Approval],
    /// The outcome of the last form.
    pub(super) said: Option<&'a str>,
    /// A ticket for each payment that waits.
    pub(super) tickets: &'a [String],
    pub(super) asks_passphrase: bool,
    pub(super) now: UnixTime,
}

/// Returns the page.
pub(super) fn page(view: &View<'_>) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Payments that wait - l402</title><style>{STYLE}</style></head><body><main>\
         <h1>Payments that wait for you</h1>\
         <p class=\"faint\">An agent wants to pay. Nothing is paid before you approve it. \
         <a href=\"/\">Load again</a></p>\n"
    );
    if let Some(said) = view.said {
        let _ = writeln!(
            html,
            "<p class=\"said\" role=\"status\">{}</p>",
            escaped(said)
        );
    }
    if view.waiting.is_empty() {
        html += "<p>Nothing waits.</p>\n";
    }
    for (approval, ticket) in view.waiting.iter().zip(view.tickets) {
        html += &article(approval, ticket, view);
    }
    html + "</main></body></html>\n"
}

fn article(approval: &Approval, ticket: &str, view: &View<'_>) -> String {
    let id = approval.id;
    let [(_, amount), rest @ ..] = fields(approval, view.now);
    // Names of hosts and payees come from strangers, and may hold `<` or `&`.
    let rows: String = rest
        .iter()
        .map(|(name, text)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(text)))
        .collect();
    let passphrase = if view.asks_passphrase {
        format!(
            "<label for=\"p{id}\">Operator's passphrase</label>\
             <input id=\"p{id}\" name=\"passphrase\" type=\"password\" maxlength=\"1024\" \
             autocomplete=\"off\" required>"
        )
    } else {
        String::new()
    };
    format!(
        "<article><h2>{}</h2><dl>{rows}<dt>Number</dt><dd>{id}</dd></dl>\
         <form method=\"post\" action=\"/\"><input type=\"hidden\" name=\"id\" value=\"{id}\">\
         <input type=\"hidden\" name=\"ticket\" value=\"{}\">{passphrase}\
         <button class=\"yes\" name=\"decision\" value=\"approve\">Approve</button>\
         <button class=\"no\" name=\"decision\" value=\"deny\">Deny</button></form></article>\n",
        escaped(&amount),
        escaped(ticket),
    )
}

/// Returns a text that is no markup.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::new();
    for c in text.chars() {
        match c {
            '&' => html += "&amp;",
            '<' => html += "&lt;",
            '>' => html += "&gt;",
            '"' => html += "&quot;",
            '\'' => html += "&#39;",
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(
            escaped("<a href='x'>\"&"),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;"
        );
    }
}
