//! The past of a service, and its reviews, as JSON documents.

use l402::{Msat, UnixTime};
use serde::Serialize;
use utoipa::ToSchema;

use crate::listing::{PaidProbe, Uptime};
use crate::store::{History, PaidPoint, Point, Review};

/// The past of a service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryJson {
    /// The changes of state, price and node, the oldest first, at most 500.
    points: Vec<PointJson>,
    /// The hours of the last 30 days in which it was probed, the oldest first.
    hours: Vec<HourJson>,
    /// The purchases by the registry itself, the oldest first, at most 100.
    paid: Vec<PurchaseJson>,
    /// The part of the probes of the last 24 hours that found it up or degraded, in percent.
    uptime_day: Option<f64>,
    /// The same of the last 7 days.
    uptime_week: Option<f64>,
    /// The same of the last 30 days.
    uptime_month: Option<f64>,
}

/// A change of state, price or node.
#[derive(Debug, Serialize, ToSchema)]
struct PointJson {
    /// The time from which it was so, in the form of RFC 3339.
    at: String,
    /// `up`, `degraded`, `down`, `unknown` or `not_402`.
    state: &'static str,
    /// The amount of the invoice, in millisatoshi.
    price_msat: Option<u64>,
    /// The node that signed the invoice, 66 hex digits.
    node: Option<String>,
    /// The code of the reason, if the state is not `up`.
    reason: Option<String>,
}

/// The probes of one hour.
#[derive(Debug, Serialize, ToSchema)]
struct HourJson {
    /// The begin of the hour, in the form of RFC 3339.
    at: String,
    /// The probes.
    probes: u32,
    /// Of them, those that found it up or degraded.
    up: u32,
    /// The median of the latencies, in milliseconds.
    latency_p50_ms: Option<u32>,
}

/// A purchase by the registry itself.
#[derive(Debug, Serialize, ToSchema)]
struct PurchaseJson {
    /// The time, in the form of RFC 3339.
    at: String,
    /// True if the service answered 2xx after it was paid.
    works: bool,
    /// The amount that was paid, in millisatoshi.
    paid_msat: u64,
    /// From the payment to the answer, in milliseconds.
    latency_ms: u32,
    /// A sentence, if it does not work.
    reason: Option<String>,
}

/// The reviews of a service, the newest first, at most 100. Each shows that its writer holds a paid invoice
/// of the service's node, which its seller could have paid.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReviewsListJson {
    /// The reviews.
    reviews: Vec<ReviewJson>,
}

/// A review by somebody who holds a paid invoice of the service's node. Strangers' text, not escaped.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReviewJson {
    /// The payment hash of the invoice, 64 hex digits: the name of the review.
    payment_hash: String,
    /// The time of the review, in the form of RFC 3339.
    at: String,
    /// The time of the invoice, in the form of RFC 3339.
    invoice_at: String,
    /// The amount of the invoice, in millisatoshi.
    paid_msat: u64,
    /// One to five.
    stars: u8,
    /// The words of the review.
    text: String,
    /// The answer of the owner.
    answer: Option<String>,
    /// The number of marks of abuse.
    abuse: u32,
    /// False for one of more than three a day: it is shown, and not counted.
    counts: bool,
}

impl HistoryJson {
    pub(super) fn of(history: &History) -> Self {
        let Uptime { day, week, month } = history.uptime;
        Self {
            points: history.points.iter().map(point).collect(),
            hours: history.hours.iter().map(hour).collect(),
            paid: history
                .paid
                .iter()
                .map(|PaidPoint(paid)| purchase(paid))
                .collect(),
            uptime_day: percent(day),
            uptime_week: percent(week),
            uptime_month: percent(month),
        }
    }
}

fn point(point: &Point) -> PointJson {
    PointJson {
        at: point.at.to_rfc3339(),
        state: point.state.name(),
        price_msat: point.price.map(Msat::msat),
        node: point.node.map(hex::encode),
        reason: point.reason.clone(),
    }
}

fn hour(&(at, probes, up, latency_p50_ms): &(UnixTime, u32, u32, Option<u32>)) -> HourJson {
    HourJson {
        at: at.to_rfc3339(),
        probes,
        up,
        latency_p50_ms,
    }
}

fn purchase(paid: &PaidProbe) -> PurchaseJson {
    PurchaseJson {
        at: paid.at.to_rfc3339(),
        works: paid.works,
        paid_msat: paid.paid.msat(),
        latency_ms: paid.latency_ms,
        reason: paid.reason.clone(),
    }
}

fn percent(permille: Option<u16>) -> Option<f64> {
    permille.map(|permille| f64::from(permille) / 10.0)
}

impl ReviewsListJson {
    pub(super) fn of(reviews: &[Review]) -> Self {
        Self {
            reviews: reviews.iter().map(ReviewJson::of).collect(),
        }
    }
}

impl ReviewJson {
    pub(super) fn of(review: &Review) -> Self {
        Self {
            payment_hash: review.payment_hash.to_string(),
            at: review.at.to_rfc3339(),
            invoice_at: review.invoice_at.to_rfc3339(),
            paid_msat: review.paid.msat(),
            stars: review.stars,
            text: review.text.clone(),
            answer: review.answer.clone(),
            abuse: review.abuse,
            counts: review.counts,
        }
    }
}
