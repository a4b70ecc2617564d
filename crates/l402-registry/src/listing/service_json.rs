//! The JSON document of a listing: the fields of 402index's service, and what this registry saw.

use l402::{Msat, UnixTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Form, Listing, Observed, Owner, OwnerProof, State, WordsFrom};

/// The client whose name stands in a field of 402index.
const LNGET: &str = "lnget";

/// A service as the API shows it. The first fields have the names and words of 402index, so that its readers
/// can read this; a field is null if nothing is known. The words are strangers' text, and not escaped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceJson {
    /// The name of the listing: 16 hex digits, from its canonical URL.
    #[schema(example = "0f3a8c21d5b94e67")]
    pub id: String,
    /// The name that its words have; may be empty.
    pub name: String,
    /// The description of its words; may be empty.
    pub description: String,
    /// The canonical URL.
    #[schema(example = "https://api.example.com/v1/joke")]
    pub url: String,
    /// `L402`, `MPP` or `x402`: the form that was seen, `L402` before the first probe.
    pub protocol: String,
    /// The price in satoshi, rounded up: the observed one, or else the claimed one.
    pub price_sats: Option<u64>,
    /// Always null: invoices are in bitcoin.
    pub price_usd: Option<f64>,
    /// `BTC` if the price is one of an invoice.
    pub payment_asset: Option<String>,
    /// `lightning` if the price is one of an invoice.
    pub payment_network: Option<String>,
    /// The category, such as `ai/images`.
    pub category: Option<String>,
    /// The one who offers it, by its words.
    pub provider: Option<String>,
    /// `self-registered`, or `import` if another directory named it.
    pub source: String,
    /// Always false: nothing is featured here.
    pub featured: bool,
    /// `healthy`, `degraded`, `down` or `unknown`. `state` says more.
    pub health_status: String,
    /// The part of 30 days' probes that found it up or degraded, in percent.
    pub uptime_30d: Option<f64>,
    /// The latency of the last probe that found a 402, in milliseconds. The history has medians by the hour.
    pub latency_p50_ms: Option<u32>,
    /// The time of the last probe, in the form of RFC 3339.
    pub last_checked: Option<String>,
    /// The time when it was added, in the form of RFC 3339.
    pub registered_at: String,
    /// The method of HTTP that a buyer uses.
    pub http_method: String,
    /// Always null: the registry shows what it measures, and no mark of its own.
    pub reliability_score: Option<f64>,
    /// Always null: x402 is seen, and not judged.
    pub x402_payment_valid: Option<bool>,
    /// Always null: x402 is seen, and not judged.
    pub x402_facilitator_reachable: Option<bool>,
    /// Always null: x402 is seen, and not judged.
    pub x402_asset_known: Option<bool>,
    /// True if the owner has proved control of the address, by a file or a DNS record.
    pub domain_verified: bool,
    /// Always null: the form of the token is in the findings of the evidence.
    pub l402_format: Option<String>,
    /// True if lnget can pay what was seen.
    pub lnget_compatible: Option<bool>,
    /// The other protocols in the same 402.
    pub related_protocols: Vec<String>,

    /// `up`, `degraded`, `down`, `unknown` or `not_402`.
    pub state: String,
    /// The time since when it is so, in the form of RFC 3339.
    pub state_since: String,
    /// The reason, if the state is not `up`.
    pub reason: Option<ReasonJson>,
    /// What the last probe that found a 402 saw.
    pub observed: Option<ObservedJson>,
    /// The price that the words say, in millisatoshi.
    pub claimed_price_msat: Option<u64>,
    /// The price that the words say in another currency, as it was written.
    pub claimed_price_other: Option<String>,
    /// True if the claimed price is another one than the observed.
    pub price_differs: bool,
    /// The owner; null if nobody has proved to be.
    pub owner: Option<OwnerJson>,
    /// The source of the words: `imported`, `submitted`, `document` or `owner`.
    pub words_from: String,
    /// The tags.
    pub tags: Vec<String>,
    /// The address of the documentation, https.
    pub docs: Option<String>,
    /// The uptime of three spans.
    pub uptime: UptimeJson,
    /// The last purchase by the registry itself; null without one.
    pub paid_probe: Option<PaidProbeJson>,
    /// The reviews by holders of paid invoices of its node.
    pub reviews: ReviewsJson,
    /// True if the seller does not want it to be probed.
    pub no_probe: bool,
    /// The mark that it is not shown in lists.
    pub hidden: Option<HiddenJson>,
    /// The answer of the last probe; with a single service alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<EvidenceJson>,
    /// The JSON Schema of the request's body; with a single service alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<Object>)]
    pub request_schema: Option<serde_json::Value>,
}

/// The reason for a state other than `up`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonJson {
    /// A stable code.
    #[schema(example = "wrong_hash")]
    pub code: String,
    /// A sentence, which may hold a stranger's text.
    pub text: String,
}

/// What a probe saw in a 402.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObservedJson {
    /// The amount of the signed invoice, in millisatoshi.
    pub price_msat: Option<u64>,
    /// The network of the invoice.
    #[schema(example = "mainnet")]
    pub network: Option<String>,
    /// The public key of the node that signed it, 66 hex digits.
    pub node: Option<String>,
    /// The seconds for which the invoice could be paid.
    pub expiry_secs: Option<u64>,
    /// True if token and invoice name the same payment hash; null if the token cannot be read.
    pub hash_matches: Option<bool>,
    /// `l402`, `lsat`, `payment`, `body`, `x402`.
    pub forms: Vec<String>,
    /// The known clients that can pay it.
    pub clients: Vec<String>,
    /// From the request to the head of the answer, in milliseconds.
    pub latency_ms: u32,
    /// The end of the server's certificate, in the form of RFC 3339.
    pub tls_until: Option<String>,
    /// The time of the probe, in the form of RFC 3339.
    pub at: String,
}

/// The owner of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnerJson {
    /// `file`, `dns` or `node`.
    pub proof: String,
    /// The time of the proof, in the form of RFC 3339.
    pub since: String,
    /// The last look at the proof, in the form of RFC 3339.
    pub checked: String,
    /// The looks in a row, up to the last one, that did not find it. At three, nobody owns the listing.
    pub failed_checks: u8,
    /// The node, if its signature is the proof.
    pub node: Option<String>,
}

/// The part of the probes that found a service up or degraded, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UptimeJson {
    /// Of the last 24 hours.
    pub day: Option<f64>,
    /// Of the last 7 days.
    pub week: Option<f64>,
    /// Of the last 30 days.
    pub month: Option<f64>,
}

/// A purchase by the registry itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaidProbeJson {
    /// The time, in the form of RFC 3339.
    pub at: String,
    /// True if the service answered 2xx after it was paid.
    pub works: bool,
    /// The amount that was paid, in millisatoshi.
    pub paid_msat: u64,
    /// From the payment to the answer, in milliseconds.
    pub latency_ms: u32,
    /// A sentence, if it does not work.
    pub reason: Option<String>,
}

/// The count of the reviews.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReviewsJson {
    /// The number of reviews that count.
    pub count: u32,
    /// The mean of their stars, 1 to 5; null without reviews.
    pub average: Option<f64>,
}

/// The mark of a moderator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HiddenJson {
    /// The reason.
    pub reason: String,
    /// The listing of which it is a copy.
    pub merged_into: Option<String>,
}

/// The answer of a probe, as far as it is kept. Strangers' text, not escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceJson {
    /// The method with which the 402 was had.
    pub method: String,
    /// The address that answered, after redirects.
    pub url: String,
    /// The status.
    pub status: u16,
    /// The lines `WWW-Authenticate`, cut. No token is whole in it.
    pub challenges: Vec<String>,
    /// The invoice, which anybody may verify.
    pub invoice: Option<String>,
    /// The rules that were looked at.
    pub findings: Vec<FindingJson>,
}

/// One rule of `l402_client::examine`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingJson {
    /// The rule.
    pub rule: String,
    /// `sound`, `remark` or `unsound`.
    pub verdict: String,
    /// A sentence.
    pub text: String,
}

impl ServiceJson {
    /// Makes the document of a listing, as it stands in lists.
    #[must_use]
    pub fn of(listing: &Listing) -> Self {
        let observed = listing.observed.as_ref();
        let [protocol, related @ ..] = &protocols(observed)[..] else {
            unreachable!("there is always one protocol");
        };
        // What was seen counts before what is said.
        let price = observed.and_then(|seen| seen.price);
        let price = price.or(listing.words.price.msat());
        let words = &listing.words;
        let owner = listing.owner.as_ref();
        Self {
            id: listing.id.to_string(),
            name: words.name.clone(),
            description: words.description.clone(),
            url: listing.url.to_string(),
            protocol: (*protocol).to_owned(),
            price_sats: price.map(Msat::ceil_sat),
            price_usd: None,
            payment_asset: price.map(|_| "BTC".to_owned()),
            payment_network: price.map(|_| "lightning".to_owned()),
            category: words.category.clone(),
            provider: Some(words.provider.clone()).filter(|it| !it.is_empty()),
            source: source(listing.words_from).to_owned(),
            featured: false,
            health_status: health_status(listing.health.state).to_owned(),
            uptime_30d: percent(listing.uptime.month),
            latency_p50_ms: observed.map(|seen| seen.latency_ms),
            last_checked: listing.health.last_probe.map(UnixTime::to_rfc3339),
            registered_at: listing.added.to_rfc3339(),
            http_method: listing.method.clone(),
            reliability_score: None,
            x402_payment_valid: None,
            x402_facilitator_reachable: None,
            x402_asset_known: None,
            domain_verified: owner.is_some_and(|owner| owner.proof.is_of_address()),
            l402_format: None,
            lnget_compatible: observed.map(|seen| seen.clients.iter().any(|name| name == LNGET)),
            related_protocols: related.iter().map(|&name| name.to_owned()).collect(),
            state: listing.health.state.name().to_owned(),
            state_since: listing.health.since.to_rfc3339(),
            reason: reason(listing),
            observed: observed.map(observed_json),
            claimed_price_msat: words.price.price_msat,
            claimed_price_other: words.price.other.clone(),
            price_differs: listing.is_price_wrong(),
            owner: owner.map(owner_json),
            words_from: listing.words_from.name().to_owned(),
            tags: words.tags.clone(),
            docs: words.docs.clone(),
            uptime: uptime(listing),
            paid_probe: paid_probe(listing),
            reviews: reviews(listing),
            no_probe: listing.no_probe,
            hidden: hidden(listing),
            evidence: None,
            request_schema: None,
        }
    }

    /// Makes the document of a single listing, with the evidence and the shape of its requests.
    #[must_use]
    pub fn with_evidence(listing: &Listing) -> Self {
        let schema = listing.words.request_schema.as_ref();
        Self {
            evidence: listing.observed.as_ref().map(evidence),
            request_schema: schema.map(|schema| schema.0.clone()),
            ..Self::of(listing)
        }
    }
}

/// Returns 402index's word for a state. What asks for no money cannot be bought, and counts as down there.
#[must_use]
pub const fn health_status(state: State) -> &'static str {
    match state {
        State::Up => "healthy",
        State::Degraded => "degraded",
        State::Down | State::Not402 => "down",
        State::Unknown => "unknown",
    }
}

const fn source(words_from: WordsFrom) -> &'static str {
    match words_from {
        WordsFrom::Imported => "import",
        WordsFrom::Submitted | WordsFrom::Document | WordsFrom::Owner => "self-registered",
    }
}

/// Returns the protocols that were seen, in 402index's words; `L402` if none was.
fn protocols(observed: Option<&Observed>) -> Vec<&'static str> {
    let forms = observed.map_or(&[][..], |seen| &seen.forms);
    let mut names = Vec::with_capacity(3);
    for form in forms {
        let name = match form {
            Form::L402 | Form::Lsat | Form::Body => "L402",
            Form::Payment => "MPP",
            Form::X402 => "x402",
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // L402 is what this registry is about: it comes first if there are several.
    names.sort_by_key(|name| *name != "L402");
    if names.is_empty() {
        names.push("L402");
    }
    names
}

/// Returns percent with one digit after the point.
fn percent(permille: Option<u16>) -> Option<f64> {
    permille.map(|part| f64::from(part) / 10.0)
}

fn reason(listing: &Listing) -> Option<ReasonJson> {
    listing.health.reason.as_ref().map(|reason| ReasonJson {
        code: reason.code.clone(),
        text: reason.text.clone(),
    })
}

fn observed_json(seen: &Observed) -> ObservedJson {
    ObservedJson {
        price_msat: seen.price.map(Msat::msat),
        network: seen.network.map(|network| network.name().to_owned()),
        node: seen.node.map(hex::encode),
        expiry_secs: seen.expiry_secs,
        hash_matches: seen.hash_matches,
        forms: seen
            .forms
            .iter()
            .map(|form| form.name().to_owned())
            .collect(),
        clients: seen.clients.clone(),
        latency_ms: seen.latency_ms,
        tls_until: seen.tls_until.map(UnixTime::to_rfc3339),
        at: seen.at.to_rfc3339(),
    }
}

fn owner_json(owner: &Owner) -> OwnerJson {
    OwnerJson {
        proof: owner.proof.name().to_owned(),
        since: owner.since.to_rfc3339(),
        checked: owner.checked.to_rfc3339(),
        failed_checks: owner.failed,
        node: owner
            .node
            .clone()
            .filter(|_| owner.proof == OwnerProof::Node),
    }
}

fn uptime(listing: &Listing) -> UptimeJson {
    UptimeJson {
        day: percent(listing.uptime.day),
        week: percent(listing.uptime.week),
        month: percent(listing.uptime.month),
    }
}

fn paid_probe(listing: &Listing) -> Option<PaidProbeJson> {
    listing.paid.as_ref().map(|paid| PaidProbeJson {
        at: paid.at.to_rfc3339(),
        works: paid.works,
        paid_msat: paid.paid.msat(),
        latency_ms: paid.latency_ms,
        reason: paid.reason.clone(),
    })
}

fn reviews(listing: &Listing) -> ReviewsJson {
    let (count, stars) = (listing.reviews.count, listing.reviews.stars);
    ReviewsJson {
        count,
        average: (count > 0).then(|| f64::from(stars) / f64::from(count)),
    }
}

fn hidden(listing: &Listing) -> Option<HiddenJson> {
    listing.hidden.as_ref().map(|hidden| HiddenJson {
        reason: hidden.reason.clone(),
        merged_into: hidden.merged_into.clone(),
    })
}

fn evidence(seen: &Observed) -> EvidenceJson {
    let kept = &seen.evidence;
    let findings = kept.findings.iter();
    EvidenceJson {
        method: kept.method.clone(),
        url: kept.url.clone(),
        status: kept.status,
        challenges: kept.challenges.clone(),
        invoice: kept.invoice.clone(),
        findings: findings
            .map(|(rule, verdict, text)| FindingJson {
                rule: rule.clone(),
                verdict: verdict.clone(),
                text: text.clone(),
            })
            .collect(),
    }
}
