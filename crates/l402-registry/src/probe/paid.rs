//! Paid probes: the registry buys, to say whether a service works when it is paid. Off unless a program runs
//! them with a wallet and a budget.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use l402::Msat;
use l402_client::{BudgetLimit, Client, ClientBuilder, Error, Event, Progress, Request, Response};
use l402_host::Clock;
use tokio::time::{Instant, timeout};

use super::body::body;
use super::reading::reason;
use crate::desk::Registry;
use crate::fetch::Fetcher;
use crate::listing::{Listing, ListingId, PaidProbe, State};
use crate::store::Due;

/// The longest time of a purchase with its answer.
const LONGEST: Duration = Duration::from_secs(90);

/// The longest answer that is read, in bytes. More of it says nothing more.
const ANSWER_MAX: usize = 1024 * 1024;

/// The reason if an answer does not come to its end.
const TOO_SLOW: &str = "no whole answer came in time after it was paid";

/// The listings that are read from the store at a time.
const PAGE: u32 = 200;

/// The time between two purchases, and between two rounds over all listings.
const BETWEEN: Duration = Duration::from_secs(2);
const ROUND: Duration = Duration::from_secs(600);

/// The wait after the budget is spent.
const BUDGET_AGAIN: Duration = Duration::from_secs(3600);

/// Buys from services, one purchase at a time.
pub struct PaidProber {
    client: Client,
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    seen: Arc<Seen>,
    one: tokio::sync::Mutex<()>,
}

/// The last payment of the client.
#[derive(Default)]
struct Seen(Mutex<Option<(Msat, Instant)>>);

impl Seen {
    fn take(&self) -> Option<(Msat, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Progress for Seen {
    fn event(&self, event: &Event) {
        if let Event::Paid { paid, fee, .. } = event {
            let all = paid.saturating_add(*fee);
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some((all, Instant::now()));
        }
    }
}

/// The reason why nothing was bought.
#[derive(Debug)]
enum NotBought {
    /// The service asked for no payment, is not to be asked, or what was bought before still holds.
    Unasked,
    /// The client refused, or its wallet failed.
    Refused(Error),
    /// The budget has no more.
    Spent,
}

impl PaidProber {
    /// Makes a prober that pays with the wallet, the limits and the budget of a client. `fetcher` says which
    /// addresses may be asked.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn new(
        client: ClientBuilder,
        fetcher: &Fetcher,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let seen = Arc::<Seen>::default();
        let progress: Arc<dyn Progress> = seen.clone();
        Ok(Self {
            client: client.progress(progress).build()?,
            fetcher: fetcher.clone(),
            clock,
            seen,
            one: tokio::sync::Mutex::default(),
        })
    }

    /// Buys from a service. Returns `None` if nothing was paid.
    pub async fn probe(&self, due: &Due) -> Option<PaidProbe> {
        self.buy(due).await.ok()
    }

    async fn buy(&self, due: &Due) -> Result<PaidProbe, NotBought> {
        // One at a time: `seen` has only the last payment, without the purchase that it belongs to.
        let _one = self.one.lock().await;
        let request = request(due).ok_or(NotBought::Unasked)?;
        // A client takes the address of a request for one that a person has typed. Nobody has.
        let permitted = self.fetcher.permits(due.url.url()).await;
        permitted.map_err(|_| NotBought::Unasked)?;
        // A payment that ended after the time-out of its purchase must not count for this one.
        self.seen.take();
        let begin = Instant::now();
        let answered = timeout(LONGEST, self.client.send(request)).await;
        let head = Instant::now();
        let (fault, refused) = match answered {
            Ok(Ok(answer)) => {
                let left = LONGEST.saturating_sub(begin.elapsed());
                (fault(answer, left).await, None)
            }
            Ok(Err(error)) => (Some(error.to_string()), Some(error)),
            Err(_) => (Some(TOO_SLOW.to_owned()), None),
        };
        // What was bought before may still hold, and then nothing was paid.
        let Some((paid, at)) = self.seen.take() else {
            return Err(refused.map_or(NotBought::Unasked, NotBought::from));
        };
        Ok(PaidProbe {
            at: self.clock.wall(),
            works: fault.is_none(),
            paid,
            latency_ms: u32::try_from(head.duration_since(at).as_millis()).unwrap_or(u32::MAX),
            reason: fault.map(|text| reason("paid", &text).text),
        })
    }
}

/// Reads an answer that was paid. Returns what is wrong with it.
async fn fault(mut answer: Response, left: Duration) -> Option<String> {
    let status = answer.status();
    let read = timeout(left, async {
        let mut length = 0;
        while let Some(piece) = answer.chunk().await? {
            length += piece.len();
            if length > ANSWER_MAX {
                break;
            }
        }
        Ok::<(), Error>(())
    });
    match read.await {
        _ if !status.is_success() => {
            Some(format!("it answered {} after it was paid", status.as_u16()))
        }
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(TOO_SLOW.to_owned()),
    }
}

impl From<Error> for NotBought {
    fn from(error: Error) -> Self {
        match error {
            // A limit that this service alone exceeds says nothing about the next one.
            Error::OverBudget {
                which: BudgetLimit::PerOrigin | BudgetLimit::PerPayee | BudgetLimit::PerRequest,
                ..
            } => Self::Refused(error),
            Error::OverBudget { .. } => Self::Spent,
            error => Self::Refused(error),
        }
    }
}

/// Returns the request of a listing, as a buyer sends it. Nothing is deleted.
fn request(due: &Due) -> Option<Request> {
    let url = due.url.url().clone();
    let with_body = |method| {
        let mut request = Request::new(method, url.clone());
        let json = http::HeaderValue::from_static("application/json");
        request.headers.insert(http::header::CONTENT_TYPE, json);
        request.with_body(body(due.request_schema.as_ref()))
    };
    Some(match &*due.method {
        "GET" => Request::get(url.clone()),
        "PATCH" => with_body(Method::PATCH),
        "POST" => with_body(Method::POST),
        "PUT" => with_body(Method::PUT),
        _ => return None,
    })
}

/// Buys from every service that is up, each once in an interval, until `stop` is ready. The limits of the
/// client say how much is spent; when nothing more may be, it waits.
pub async fn run_paid_probes(
    registry: Registry,
    prober: PaidProber,
    interval: Duration,
    stop: impl Future<Output = ()>,
) {
    let rounds = async {
        let mut bought = Bought::new();
        loop {
            bought.retain(|_, at| at.elapsed() < interval);
            let wait = match round(&registry, &prober, interval, &mut bought).await {
                Ok(()) => ROUND,
                Err(Spent) => BUDGET_AGAIN,
            };
            tokio::time::sleep(wait).await;
        }
    };
    tokio::select! {
        () = stop => {}
        () = rounds => {}
    }
}

/// The budget has no more.
struct Spent;

/// The listings that were bought from lately. A store that fails, and an owner who removes a listing and adds
/// it again, are no reason to buy twice.
type Bought = HashMap<ListingId, Instant>;

async fn round(
    registry: &Registry,
    prober: &PaidProber,
    interval: Duration,
    bought: &mut Bought,
) -> Result<(), Spent> {
    let store = registry.store();
    let mut after = None;
    loop {
        // An error ends this round as an empty page does. The next round begins anew.
        let listings = store.page(after, PAGE).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the listings are not known");
            Vec::new()
        });
        let Some(last) = listings.last() else {
            return Ok(());
        };
        after = Some(last.id);
        let now = registry.clock().wall();
        let is_due = |listing: &&Listing| {
            let last = listing.paid.as_ref().map(|paid| paid.at);
            let is_open = listing.health.state == State::Up && !listing.no_probe;
            is_open && last.is_none_or(|last| now.since(last) >= interval)
        };
        for listing in listings.iter().filter(is_due) {
            let id = listing.id;
            if bought.get(&id).is_some_and(|at| at.elapsed() < interval) {
                continue;
            }
            let Ok(Some(due)) = store.due_one(id).await else {
                continue;
            };
            match prober.buy(&due).await {
                Ok(paid) => {
                    bought.insert(id, Instant::now());
                    if let Err(error) = store.record_paid(id, paid).await {
                        tracing::warn!(%error, %id, "a paid probe was not recorded");
                    }
                }
                Err(NotBought::Spent) => return Err(Spent),
                Err(NotBought::Refused(error)) => {
                    tracing::info!(%error, %id, "nothing was bought");
                }
                Err(NotBought::Unasked) => {}
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One service that costs more than a purchase may would keep all others from being bought.
    #[test]
    fn only_a_budget_that_is_spent_ends_a_round() {
        for (which, is_spent) in [
            (BudgetLimit::PerRequest, false),
            (BudgetLimit::PerOrigin, false),
            (BudgetLimit::PerPayee, false),
            (BudgetLimit::PerHour, true),
            (BudgetLimit::PerDay, true),
            (BudgetLimit::Per30Days, true),
            (BudgetLimit::InAll, true),
        ] {
            let error = Error::OverBudget {
                cost: Msat::from_sat(50),
                limit: Msat::from_sat(20),
                which,
                budget: None,
                spent: Msat::ZERO,
                frees: None,
            };
            let reason = NotBought::from(error);
            assert_eq!(matches!(reason, NotBought::Spent), is_spent, "{which:?}");
        }
    }
}
