//! A look at the services that a search is about to show: one unpaid request to each.

use std::time::Duration;

use l402::{Msat, UnixTime};
use l402_client::examine::{Payer, UnpaidAnswer, Verdict, examine};
use url::Url;

use super::service::Service;
use crate::mcp::download::{Download, DownloadError};

/// The most services that one search asks.
const CHECKED_MAX: usize = 5;

/// The longest time for one service. All are asked at once.
const TIME: Duration = Duration::from_secs(3);

/// The outcome of a look at one service. Holds no text of a stranger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The service asks this amount, in an invoice that keeps every rule.
    Price(Msat),
    /// The service answers without payment.
    Free,
    /// The service asks for money, and a buyer would refuse: the rule that is broken.
    Unsound(&'static str),
    /// The service gave no price: the reason.
    NoPrice(String),
    /// The service was not asked: the reason.
    NotAsked(&'static str),
}

/// Asks the first services what they cost. `may_ask` says whether the agent may reach a URL at all.
/// Returns one outcome for each service, in their order.
pub(crate) async fn check(
    services: &[Service],
    download: &Download,
    now: UnixTime,
    may_ask: impl Fn(&Url) -> bool,
) -> Vec<Check> {
    let mut tasks = tokio::task::JoinSet::new();
    let mut outcomes = Vec::with_capacity(services.len());
    for (at, service) in services.iter().enumerate() {
        outcomes.push(if at >= CHECKED_MAX {
            Check::NotAsked("only the first five are asked")
        } else if service.method != "GET" {
            Check::NotAsked("it is asked with a body, which l402_preview sends")
        } else if !may_ask(&service.url) {
            Check::NotAsked("it is none of the hosts of this agent")
        } else {
            let (download, url) = (download.clone(), service.url.clone());
            tasks.spawn(async move { (at, asked(&download, &url, now).await) });
            // Stands if the task ends without an outcome.
            Check::NoPrice("it could not be asked".to_owned())
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((at, outcome)) = done {
            outcomes[at] = outcome;
        }
    }
    outcomes
}

async fn asked(download: &Download, url: &Url, now: UnixTime) -> Check {
    let answer = match download.unpaid(url, TIME).await {
        Ok(answer) => answer,
        Err(DownloadError::TooSlow) => {
            return Check::NoPrice(format!("no whole answer came within {} s", TIME.as_secs()));
        }
        Err(error) => return Check::NoPrice(error.to_string()),
    };
    if answer.status.is_success() {
        return Check::Free;
    }
    if answer.status != http::StatusCode::PAYMENT_REQUIRED {
        return Check::NoPrice(format!("it answered {}", answer.status.as_u16()));
    }
    let unpaid = UnpaidAnswer {
        url,
        status: answer.status,
        headers: &answer.headers,
        body: &answer.body,
    };
    // No wallet is named, so an invoice of any network is in order.
    let report = examine(&unpaid, &Payer::default(), now);
    let amount = report
        .offer
        .as_ref()
        .and_then(|offer| offer.invoice.as_ref()?.amount);
    match amount {
        Some(amount) if report.is_sound() => Check::Price(amount),
        _ => {
            let broken = report.findings.iter();
            let mut broken = broken.filter(|finding| finding.verdict == Verdict::Unsound);
            Check::Unsound(broken.next().map_or("amount", |finding| finding.rule))
        }
    }
}
