//! The reading of one answer: what a client would make of it.

use std::time::Duration;

use http::StatusCode;
use l402::inspect::inspect;
use l402::{AuthChallenge, Challenges, UnixTime};
use l402_client::examine::{Payer, READERS, Reading, Report, UnpaidAnswer, Verdict, examine};
use l402_client::{CredentialScheme, Refused, retry_after};

use super::evidence::evidence;
use super::state::Sight;
use crate::fetch::Fetched;
use crate::listing::{Form, Observed, Reason};

/// The time before the end of a certificate from which on it is a fault.
const CERTIFICATE_ENDS: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most characters of a reason's text.
const TEXT_MAX: usize = 300;

/// The parts of a reading: what the state depends on, and what was seen in a 402.
pub(super) struct Read {
    pub(super) sight: Sight,
    pub(super) observed: Option<Observed>,
}

/// Reads an answer to a request with this method.
pub(super) fn read(
    method: &str,
    answer: &Fetched,
    node_before: Option<[u8; 33]>,
    now: UnixTime,
) -> Read {
    if answer.status != StatusCode::PAYMENT_REQUIRED {
        let sight = unasked(answer, now);
        return Read {
            sight,
            observed: None,
        };
    }
    let (report, is_in_body) = report(answer, now);
    let mut observed = observe(method, answer, &report, now);
    if is_in_body {
        observed.forms.push(Form::Body);
    }
    // Nodes change for good reasons too, so that this is a remark and no fault.
    let is_other_node = matches!((node_before, observed.node), (Some(a), Some(b)) if a != b);
    if is_other_node {
        let text = "another node than before has signed the invoice";
        let finding = ["node", "remark", text].map(str::to_owned);
        observed.evidence.findings.push(finding.into());
    }
    Read {
        sight: sight(answer, &report, is_in_body, now),
        observed: Some(observed),
    }
}

/// Judges an answer that is no 402.
fn unasked(answer: &Fetched, now: UnixTime) -> Sight {
    let status = answer.status.as_u16();
    let why = |code: &str| {
        reason(
            code,
            &format!("it answered {status}, where 402 asks for money"),
        )
    };
    match status {
        401 | 403 => Sight::Faulty(why("forbidden"), None),
        405 | 501 => Sight::Faulty(why("wrong_method"), None),
        429 => Sight::Faulty(why("too_many_requests"), retry_after(&answer.headers, now)),
        500.. => Sight::Failed(why("server_error")),
        _ => Sight::Free(why("not_402")),
    }
}

/// Examines a 402. The second value is true if a challenge stands in the body alone.
fn report(answer: &Fetched, now: UnixTime) -> (Report, bool) {
    let unpaid = unpaid(answer);
    let report = examine(&unpaid, &Payer::default(), now);
    if report.offer.is_some() {
        return (report, false);
    }
    let payer = Payer {
        body_challenge: true,
        ..Payer::default()
    };
    let by_body = examine(&unpaid, &payer, now);
    let is_in_body = by_body.offer.is_some();
    (if is_in_body { by_body } else { report }, is_in_body)
}

fn unpaid(answer: &Fetched) -> UnpaidAnswer<'_> {
    UnpaidAnswer {
        url: &answer.url,
        status: answer.status,
        headers: &answer.headers,
        body: &answer.body,
    }
}

/// Judges a 402.
fn sight(answer: &Fetched, report: &Report, is_in_body: bool, now: UnixTime) -> Sight {
    let findings = report.findings.iter();
    let broken = findings
        .filter(|one| one.verdict == Verdict::Unsound)
        .map(|one| (one.refused.map_or(one.rule, Refused::code), &*one.text));
    let ends_soon = answer
        .tls_until
        .is_some_and(|end| end.since(now) < CERTIFICATE_ENDS);
    let in_body = "token and invoice stand in the body alone, where most clients do not look";
    let mut faults = broken
        .chain(is_in_body.then_some(("body_only", in_body)))
        .chain(ends_soon.then_some(("certificate_ends", "its certificate ends within 7 days")));
    match faults.next() {
        Some((code, text)) => Sight::Faulty(reason(code, text), None),
        None => Sight::Sound,
    }
}

/// Returns what was seen in a 402.
fn observe(method: &str, answer: &Fetched, report: &Report, now: UnixTime) -> Observed {
    let offer = report.offer.as_ref();
    let invoice = offer.and_then(|offer| offer.invoice.as_ref());
    Observed {
        at: now,
        price: invoice.and_then(|invoice| invoice.amount),
        network: invoice.map(|invoice| invoice.network),
        expiry_secs: invoice.map(|invoice| invoice.expires.since(invoice.created).as_secs()),
        node: invoice.map(|invoice| invoice.payee),
        payment_hash: invoice.map(|invoice| invoice.payment_hash),
        hash_matches: hash_matches(report),
        forms: forms(answer),
        clients: clients(answer),
        latency_ms: u32::try_from(answer.latency.as_millis()).unwrap_or(u32::MAX),
        tls_until: answer.tls_until,
        evidence: evidence(method, answer, report),
    }
}

/// Returns true if the token is about the payment of the invoice. `None` if it does not say.
fn hash_matches(report: &Report) -> Option<bool> {
    let offer = report.offer.as_ref()?;
    let invoice = offer.invoice.as_ref()?;
    if offer.scheme == CredentialScheme::Payment {
        let mut findings = report.findings.iter();
        let about = findings.find(|one| one.rule == "payment challenge")?;
        return match (about.verdict, about.refused) {
            (Verdict::Unsound, Some(Refused::WrongHash)) => Some(false),
            (Verdict::Sound, _) => Some(true),
            _ => None,
        };
    }
    let named = inspect(&offer.token).ok()?.payment_hash?;
    Some(named == invoice.payment_hash)
}

/// Returns the forms of the challenges in the head, each once, in the order of [`Form`].
fn forms(answer: &Fetched) -> Vec<Form> {
    let lines = answer.headers.get_all(http::header::WWW_AUTHENTICATE);
    let parsed = Challenges::parse(lines.iter().map(http::HeaderValue::as_bytes));
    let parsed: Vec<_> = parsed.iter().flat_map(Challenges::iter).collect();
    let has = |named: &dyn Fn(&AuthChallenge) -> bool| parsed.iter().any(|one| named(one));
    let is =
        |scheme: &'static str| move |one: &AuthChallenge| one.scheme().eq_ignore_ascii_case(scheme);
    let is_charge = |one: &AuthChallenge| {
        let method = one.param("method").unwrap_or_default();
        is("payment")(one) && method.eq_ignore_ascii_case("lightning")
    };
    let document = || serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    let is_x402 = answer.headers.contains_key("payment-required")
        || document().is_some_and(|body| body.get("x402Version").is_some());
    let seen = [
        (Form::L402, has(&is("l402"))),
        (Form::Lsat, has(&is("lsat"))),
        (Form::Payment, has(&is_charge)),
        (Form::X402, is_x402),
    ];
    let seen = seen.into_iter().filter(|(_, is_there)| *is_there);
    seen.map(|(form, _)| form).collect()
}

/// Returns the names of the known clients that find token and invoice.
fn clients(answer: &Fetched) -> Vec<String> {
    let unpaid = unpaid(answer);
    let readers = READERS.iter();
    let readers = readers.filter(|reader| reader.read(&unpaid) == Reading::Reads);
    readers.map(|reader| reader.client.to_owned()).collect()
}

/// Makes a reason. Its text may be a stranger's, and is bounded and free of control characters.
pub(super) fn reason(code: &str, text: &str) -> Reason {
    Reason {
        code: code.to_owned(),
        text: l402::text::escape_within(text, TEXT_MAX),
    }
}
