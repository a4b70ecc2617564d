//! `robots.txt` of a host, which is asked before the host is probed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use texting_robots::Robot;
use url::Url;

use crate::fetch::{Ask, FetchError, Fetcher};

/// The name by which rules are meant for this program.
const AGENT: &str = "l402-registry";

/// The time for which an answer is kept.
pub(super) const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The time for which a missing answer is kept.
pub(super) const KEPT_MISSING: Duration = Duration::from_secs(3600);

/// The most origins whose rules are kept. When there are more, the oldest make room.
const ORIGINS_MAX: usize = 1024;

/// The most rules with a `*` or a `$` in one file. Each of them is compiled when it is read.
const PATTERNS_MAX: usize = 500;

/// The rules of every origin that was asked lately.
#[derive(Debug, Default)]
pub(crate) struct Robots {
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    rules: Rules,
    /// On the monotonic clock.
    until: Duration,
}

#[derive(Clone, Debug)]
enum Rules {
    /// Everything may be asked.
    Open,
    /// Nothing may be asked, since the rules cannot be had.
    Unreachable,
    /// What the file says. Kept as text, for compiled rules may be a thousand times as large.
    File(Arc<[u8]>),
}

/// What the rules of a host say of one URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// It may be asked.
    Granted,
    /// The file forbids it.
    Forbidden,
    /// The file could not be had, and RFC 9309, section 2.3.1.4 takes that for a ban for a while.
    Withheld,
    /// The host gives no answer at all.
    Failed(FetchError),
}

impl Robots {
    /// Returns what the rules say of a URL. They are at most a day old.
    pub(crate) async fn permit(
        &self,
        fetcher: &Fetcher,
        url: &Url,
        ask: &impl Fn(Method, Url) -> Ask,
        now: Duration,
    ) -> Permission {
        let origin = url.origin().ascii_serialization();
        let kept = self.fresh(&origin, now);
        let rules = match kept {
            Some(rules) => rules,
            None => match rules(fetcher, ask(Method::GET, place(url))).await {
                Ok((rules, time)) => {
                    self.keep(origin, rules.clone(), now.saturating_add(time), now);
                    rules
                }
                Err(error) => return Permission::Failed(error),
            },
        };
        match rules {
            Rules::Open => Permission::Granted,
            Rules::Unreachable => Permission::Withheld,
            Rules::File(text) => read(text, url.clone()).await,
        }
    }

    fn fresh(&self, origin: &str, now: Duration) -> Option<Rules> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(origin).filter(|kept| kept.until > now);
        found.map(|kept| kept.rules.clone())
    }

    fn keep(&self, origin: String, rules: Rules, until: Duration, now: Duration) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= ORIGINS_MAX {
            kept.retain(|_, kept| kept.until > now);
        }
        if kept.len() >= ORIGINS_MAX {
            let mut ends: Vec<_> = kept.values().map(|kept| kept.until).collect();
            ends.sort_unstable();
            let half = ends[ends.len() / 2];
            kept.retain(|_, kept| kept.until > half);
        }
        kept.insert(origin, Kept { rules, until });
    }
}

/// Returns the place of the rules for a URL.
fn place(url: &Url) -> Url {
    let mut place = url.clone();
    place.set_path("/robots.txt");
    place.set_query(None);
    place
}

/// Asks a host for its rules. Returns them with the time for which they hold.
async fn rules(fetcher: &Fetcher, ask: Ask) -> Result<(Rules, Duration), FetchError> {
    let answer = match fetcher.fetch(ask).await {
        Ok(answer) => answer,
        // A file that is too long or leads in a circle says nothing that could be kept.
        Err(FetchError::TooLarge | FetchError::RedirectsTooOften) => {
            return Ok((Rules::Open, KEPT));
        }
        Err(error) => return Err(error),
    };
    Ok(match answer.status {
        status if status.is_success() => (file(answer.body), KEPT),
        StatusCode::TOO_MANY_REQUESTS => (Rules::Unreachable, KEPT_MISSING),
        status if status.is_server_error() => (Rules::Unreachable, KEPT_MISSING),
        // There is none, or it costs money, or it is nobody's business.
        _ => (Rules::Open, KEPT),
    })
}

fn file(text: Vec<u8>) -> Rules {
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r' | 0));
    let patterns = lines.filter(|line| line.contains(&b'*') || line.contains(&b'$'));
    if patterns.count() > PATTERNS_MAX {
        return Rules::Unreachable;
    }
    Rules::File(text.into())
}

/// Reads the file. A stranger's text is read aside, where a fault of the reader harms nothing.
async fn read(text: Arc<[u8]>, url: Url) -> Permission {
    let read = tokio::task::spawn_blocking(move || {
        let robot = Robot::new(AGENT, &text).ok();
        robot.is_none_or(|robot| robot.allowed(url.as_str()))
    });
    match read.await {
        Ok(true) => Permission::Granted,
        Ok(false) => Permission::Forbidden,
        Err(_) => Permission::Withheld,
    }
}
