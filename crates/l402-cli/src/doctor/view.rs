//! The report of an examined challenge, for people and for programs.

use l402_client::examine::{Finding, Reading, Report, Verdict};
use serde_json::{Value, json};

use super::ask::Answer;
use crate::text::output::style;
use crate::text::plain::{escape, escape_short, shorten};
use crate::text::{invoice, when};

/// The longest that a header's value is shown, in characters: enough for any challenge in use.
const HEADER_SHOWN: usize = 4096;

/// Everything that the report shows.
pub(crate) struct View<'a> {
    pub(crate) url: &'a str,
    pub(crate) answer: &'a Answer,
    pub(crate) report: &'a Report,
    pub(crate) readings: &'a [(&'static str, Reading)],
    pub(crate) now: l402::UnixTime,
}

impl View<'_> {
    pub(crate) fn to_json(&self) -> Value {
        let checks = self.report.findings.iter().map(|finding| {
            json!({
                "check": finding.rule,
                "ok": finding.verdict == Verdict::Sound,
                "required": finding.is_required,
                "detail": self.detail(finding),
            })
        });
        let clients = self.readings.iter().map(|(client, reading)| match reading {
            Reading::Reads => json!({ "client": client, "reads": true }),
            Reading::Misses(why) => json!({ "client": client, "reads": false, "why": why }),
        });
        // Escaped for machines as well: the output may end up on a terminal.
        let headers = self.answer.headers.iter().map(|(name, value)| {
            json!([
                name.as_str(),
                escape_short(&self.shown(value), HEADER_SHOWN)
            ])
        });
        json!({
            "url": self.url,
            "healthy": self.report.is_sound(),
            "free": self.is_free(),
            "status": self.answer.status.as_u16(),
            "headers": headers.collect::<Vec<_>>(),
            "checks": checks.collect::<Vec<_>>(),
            "bolt11": self.report.offer.as_ref().map(|offer| &offer.bolt11),
            "invoice": self.invoice().map(|i| invoice::to_json(i, self.now)),
            "clients": clients.collect::<Vec<_>>(),
        })
    }

    pub(crate) fn to_text(&self) -> String {
        let status = self.answer.status.as_u16();
        let title = format!("{} answers {status}", escape(self.url));
        let mut text = format!("{}\n", style::paint(style::TITLE, &title));
        for (name, value) in &self.answer.headers {
            // A stranger's text, and at most a line or two of it.
            let value = escape_short(&self.shown(value), 100);
            text += &style::paint(style::FAINT, &format!("  {name}: {value}"));
            text.push('\n');
        }
        text += &format!("{}\n", style::paint(style::TITLE, "rules"));
        text.extend(
            self.report
                .findings
                .iter()
                .map(|finding| self.line(finding)),
        );
        if let Some(decoded) = self.invoice() {
            text += &format!("{}\n", style::paint(style::TITLE, "invoice"));
            text += &invoice::columns(&invoice::rows(decoded, self.now));
        }
        text += &format!("{}\n", style::paint(style::TITLE, "clients"));
        for (client, reading) in self.readings {
            let (mark, words) = match reading {
                Reading::Reads => (good(), "reads it".to_owned()),
                Reading::Misses(why) => (style::paint(style::MONEY, "note"), (*why).to_owned()),
            };
            text += &format!("  {mark} {client}: {words}\n");
        }
        text + &self.verdict()
    }

    /// Returns a header's value with its token shortened: together with the preimage of a paid invoice,
    /// the token is a credential.
    fn shown(&self, value: &http::HeaderValue) -> String {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match &self.report.offer {
            Some(offer) => text.replace(&offer.token, &shorten(&offer.token)),
            None => text,
        }
    }

    fn invoice(&self) -> Option<&l402::Invoice> {
        self.report.offer.as_ref()?.invoice.as_ref()
    }

    /// Returns the text of a finding. The times of an invoice are put into words here, as all times that
    /// the program shows.
    fn detail(&self, finding: &Finding) -> String {
        match (finding.rule, self.invoice()) {
            ("expiry", Some(invoice)) => {
                format!("the invoice ends {}", when::left(invoice.expires, self.now))
            }
            ("date", Some(invoice)) => {
                format!("the invoice was made {} UTC", when::utc(invoice.created))
            }
            _ => finding.text.clone(),
        }
    }

    fn line(&self, finding: &Finding) -> String {
        let mark = match finding.verdict {
            Verdict::Sound => good(),
            Verdict::Unsound => style::paint(style::BAD, "FAIL"),
            Verdict::Remark => style::paint(style::MONEY, "note"),
        };
        let detail = escape(&self.detail(finding));
        format!("  {mark} {}: {detail}\n", finding.rule)
    }

    /// Returns true if the server answers without payment.
    fn is_free(&self) -> bool {
        let status = self.answer.status;
        self.report.offer.is_none() && (status.is_success() || status.is_redirection())
    }

    fn verdict(&self) -> String {
        if self.is_free() {
            let status = self.answer.status.as_u16();
            let text = format!("free: answered with {status}, and no payment is asked for");
            return style::paint(style::GOOD, &text) + "\n";
        }
        if !self.report.is_sound() {
            return style::paint(style::BAD, "not a well-formed challenge") + "\n";
        }
        let findings = self.report.findings.iter();
        let remarks = findings.filter(|finding| finding.verdict == Verdict::Remark);
        let with = match remarks.count() {
            0 => String::new(),
            1 => ", with a remark".to_owned(),
            several => format!(", with {several} remarks"),
        };
        let verdict = format!("healthy: a well-formed challenge{with}");
        style::paint(style::GOOD, &verdict) + "\n"
    }
}

fn good() -> String {
    style::paint(style::GOOD, "ok  ")
}
