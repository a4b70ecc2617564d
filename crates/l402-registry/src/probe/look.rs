//! One look at a service, as a client would ask it.

use std::time::Duration;

use http::{Method, StatusCode};
use l402_client::examine::BODY_TIME;
use url::Url;

use super::body::body;
use super::prober::Prober;
use super::reading::{Read, read, reason};
use super::robots::{self, Permission};
use super::state::Sight;
use crate::fetch::{self, Arrived, Ask, Cut, FetchError};
use crate::listing::{CanonicalUrl, Observed};
use crate::store::Due;

/// What one look found.
pub(crate) struct Looked {
    /// What the state depends on.
    pub(crate) sight: Sight,
    /// What was seen in a 402.
    pub(crate) observed: Option<Observed>,
}

/// The error of a probe that had no turn, since too many requests wait for the address. There is a turn after
/// this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded(pub Duration);

impl std::fmt::Display for Crowded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too many requests wait for the address")
    }
}

impl std::error::Error for Crowded {}

impl Prober {
    /// Asks a service as its listing says, until a 402 comes, and reads it. `robots.txt` comes first.
    ///
    /// # Errors
    /// [`Crowded`]. The service was not asked then, or not to the end.
    pub(super) async fn look(&self, due: &Due) -> Result<Looked, Crowded> {
        let ask = |method, url| Ask {
            timeout: self.timeout,
            ..Ask::new(method, url)
        };
        let permission = {
            let now = self.clock.monotonic();
            let robots = self.robots.permit(&self.fetcher, due.url.url(), &ask, now);
            robots.await
        };
        match permission {
            Permission::Granted => self.ask_until_402(due, &ask).await,
            Permission::Forbidden => {
                let text = "robots.txt of its host does not want it to be asked";
                Ok(unwanted(text, robots::KEPT))
            }
            Permission::Withheld => {
                let text = "robots.txt of its host cannot be read, so it is not asked";
                Ok(unwanted(text, robots::KEPT_MISSING))
            }
            Permission::Failed(error) => failed(&error),
        }
    }

    async fn ask_until_402(
        &self,
        due: &Due,
        ask: &impl Fn(Method, Url) -> Ask,
    ) -> Result<Looked, Crowded> {
        let [first, second] = asks(due, ask);
        let (looked, status) = match self.ask(due, first).await {
            Ok(answered) => answered,
            Err(error) => return failed(&error),
        };
        if status == StatusCode::PAYMENT_REQUIRED || is_last_word(status) {
            return Ok(looked);
        }
        // If there is none by the second method either, the first answer stands.
        match self.ask(due, second).await {
            Ok((second, StatusCode::PAYMENT_REQUIRED)) => Ok(second),
            Err(FetchError::Crowded(wait)) => Err(Crowded(wait)),
            Ok(_) | Err(_) => Ok(looked),
        }
    }

    /// Asks once, and waits for the body as long as a client would. A body that does not come counts as
    /// empty.
    async fn ask(&self, due: &Due, ask: Ask) -> Result<(Looked, StatusCode), FetchError> {
        let mut left = ask.timeout;
        let mut arrived = self.fetcher.arrive(&ask, &mut left).await?;
        if arrived.response.status() == StatusCode::PAYMENT_REQUIRED
            && is_of_another_origin(due, &arrived)
        {
            // Not the 402, so that the caller goes on to ask by the second method.
            return Ok((redirected_away(), StatusCode::FOUND));
        }
        let time = left.min(BODY_TIME);
        let (body, cut) = fetch::read(&mut arrived.response, ask.max_bytes, time).await;
        let answer = arrived.with_body(if cut.is_some() { Vec::new() } else { body });
        let found = read(ask.method.as_str(), &answer, due.node, self.clock.wall());
        Ok((Looked::new(found, cut), answer.status))
    }
}

impl Looked {
    /// A 402 whose body does not come is paid by a client, and is a fault of the server nevertheless.
    fn new(read: Read, cut: Option<Cut>) -> Self {
        let fault = match cut {
            Some(Cut::BrokenOff) => Some(("body_broken_off", "the body of its 402 breaks off")),
            Some(Cut::TooLarge) => Some(("body_too_large", "the body of its 402 is too large")),
            Some(Cut::TooSlow) => Some(("body_too_slow", "the body of its 402 does not end")),
            None => None,
        };
        let sight = match (read.sight, fault) {
            (Sight::Sound, Some((code, text))) => Sight::Faulty(reason(code, text), None),
            (sight, _) => sight,
        };
        Self {
            sight,
            observed: read.observed,
        }
    }
}

/// Returns true if another origin has answered. What it asks for is not the price of this address: an open
/// redirect would lend its host to a stranger, whose node could then claim the listing.
fn is_of_another_origin(due: &Due, arrived: &Arrived) -> bool {
    let answered = CanonicalUrl::new(arrived.url.clone());
    answered.is_ok_and(|url| url.url().origin() != due.url.url().origin())
}

fn redirected_away() -> Looked {
    let text =
        "it redirects to another origin, and the 402 comes from there; that address can be listed";
    Looked {
        sight: Sight::Free(reason("redirects_elsewhere", text)),
        observed: None,
    }
}

fn unwanted(text: &str, again: Duration) -> Looked {
    Looked {
        sight: Sight::Unwanted(reason("robots", text), again),
        observed: None,
    }
}

/// Judges a request that brought no answer.
fn failed(error: &FetchError) -> Result<Looked, Crowded> {
    let why = reason(error.code(), &error.to_string());
    let sight = match error {
        FetchError::Crowded(wait) => return Err(Crowded(*wait)),
        FetchError::RedirectsTooOften => Sight::Free(why),
        FetchError::TooLarge => Sight::Faulty(why, None),
        _ => Sight::Failed(why),
    };
    Ok(Looked {
        sight,
        observed: None,
    })
}

/// Returns the requests in order. The price may depend on the method, so that of the listing comes first.
/// Nothing is deleted to see what it costs.
fn asks(due: &Due, ask: &impl Fn(Method, Url) -> Ask) -> [Ask; 2] {
    let ask = |method| ask(method, due.url.url().clone());
    let with_body = |method| Ask {
        body: Some(body(due.request_schema.as_ref())),
        ..ask(method)
    };
    match &*due.method {
        "POST" => [with_body(Method::POST), ask(Method::GET)],
        "PUT" => [with_body(Method::PUT), ask(Method::GET)],
        "PATCH" => [with_body(Method::PATCH), ask(Method::GET)],
        _ => [ask(Method::GET), ask(Method::HEAD)],
    }
}

/// Returns true if another method will not help: the server is in trouble, or wants to be left alone.
fn is_last_word(status: StatusCode) -> bool {
    let is_trouble = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
    is_trouble || status == StatusCode::TOO_MANY_REQUESTS
}
