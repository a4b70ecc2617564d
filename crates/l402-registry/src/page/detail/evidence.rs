//! The answer of the last probe, as evidence for what is said above.

use l402::UnixTime;
use maud::{Markup, html};

use crate::listing::Observed;
use crate::page::layout::code;
use crate::page::phrase::{line, minute};

/// The most findings and lines that are shown, and the longest of each, in characters.
const FINDINGS: usize = 60;
const LINES: usize = 10;
const FINDING_MAX: usize = 300;
const LINE_MAX: usize = 420;
const INVOICE_MAX: usize = 2000;

/// Returns the section.
pub(super) fn section(seen: &Observed, now: UnixTime) -> Markup {
    let evidence = &seen.evidence;
    // Apart, so that a fault is seen at once: the rules that hold are folded away.
    let (good, other): (Vec<_>, Vec<_>) = evidence
        .findings
        .iter()
        .take(FINDINGS)
        .partition(|finding| finding.1 == "sound");
    html! {
        section.evidence {
            h2 { "Evidence" }
            p.hint {
                code { (line(&evidence.method, 10)) } " " code { (line(&evidence.url, 300)) } " answered "
                b { (evidence.status) } " on " time datetime=(seen.at.to_rfc3339()) { (minute(seen.at)) } "."
                @if seen.at > now { " The clock of this registry was set back since." }
            }
            @if !other.is_empty() { (findings("Not as it should be", &other)) }
            @if !good.is_empty() {
                details {
                    summary { "Rules that hold: " (good.len()) }
                    (findings("Rules that hold", &good))
                }
            }
            @if !evidence.challenges.is_empty() {
                details {
                    summary { "The challenge" }
                    p.hint { "The lines of WWW-Authenticate, cut: a token is never shown whole." }
                    @for challenge in evidence.challenges.iter().take(LINES) {
                        (code("the challenge", &line(challenge, LINE_MAX)))
                    }
                }
            }
            @if let Some(invoice) = &evidence.invoice {
                details {
                    summary { "The invoice" }
                    p.hint { "Signed by the node, so anybody may check it. It has most likely expired: do not pay it." }
                    (code("the invoice", &line(invoice, INVOICE_MAX)))
                }
            }
        }
    }
}

fn findings(title: &str, findings: &[&(String, String, String)]) -> Markup {
    html! {
        ul.findings aria-label=(title) {
            @for (rule, verdict, text) in findings {
                li class={ "v-" (class(verdict)) } {
                    span.v { (line(verdict, 20)) } " " code { (line(rule, 40)) } " " span { (line(text, FINDING_MAX)) }
                }
            }
        }
    }
}

fn class(verdict: &str) -> &'static str {
    match verdict {
        "sound" => "sound",
        "remark" => "remark",
        _ => "unsound",
    }
}
