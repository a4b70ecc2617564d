//! The way of one request: read canonically, decided, then forwarded or refused.

use std::convert::Infallible;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue};
use http::request::Parts;
use http::{Method, Request, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use l402::{Authorized, Problem, Proven};
use l402_server::{CanonicalRequest, Granted, Matched, Refusal, UseReport};

use super::answer::{Answer, early, is_early, to_head};
use super::client::RequestClient;
use super::connection::{Connection, GatewayState};
use super::document;
use super::forward::forward;
use super::hsts;
use super::page;
use super::proof_cache;
use super::receipt;
use super::turn::{self, Turn};
use super::unlock;
use crate::metrics::{Limit, Measure, Metrics};
use crate::page::Reader;
use crate::table::RouteTable;
use crate::trace::{self, Traces};
use crate::upstream::ClientBody;

/// Answers one request. Never fails: every refusal is an answer, too.
pub(crate) async fn handle(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    if let Some(redirect) = connection.redirect {
        return Ok(redirect.answer(&parts, &connection.worker.state.table.load()));
    }
    let (version, is_head) = (parts.version, parts.method == Method::HEAD);
    let body = ClientBody::new(&parts, body);
    let may_end = body.ends_connection();
    let mut measure = Measure::begin();
    // One table from here to the end: a reload must not change the price of a request under way.
    let table = connection.worker.state.table.load_full();
    let reader = Reader::of(&parts).filter(|_| table.page.is_some());
    let answered = answer(&connection, &table, parts, body, &mut measure).await;
    let answer =
        answered.unwrap_or_else(|refusal| early(page::refuse_to(refusal, reader.as_ref(), &table)));
    let mut answer = page::shown(answer, reader.as_ref(), &table);
    measure.end(&connection.worker.state.metrics, &answer);
    hsts::add(&connection, &mut answer);
    if is_head {
        answer = to_head(answer);
    }
    // HTTP/1.0 has no chunks, so that the end of an answer may be the end of its connection.
    let is_last = version < Version::HTTP_11
        || is_unread(&answer)
        || may_end && is_early(&answer)
        || connection.worker.state.is_draining() && !is_tunnel(&answer);
    if version <= Version::HTTP_11 && is_last {
        // The answer takes the version of the request, because hyper adds `keep-alive` to an answer
        // of 1.1 if the client asked for that in 1.0.
        *answer.version_mut() = version;
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // From here on hyper has the answer, and polls its body when it can send it.
    turn::set(if answer.body().is_end_stream() {
        Turn::Last
    } else {
        Turn::Buyer
    });
    Ok(answer)
}

/// Returns true if the answer makes a tunnel of its connection, whose end is not the gateway's to set.
fn is_tunnel(answer: &Answer) -> bool {
    answer.status() == StatusCode::SWITCHING_PROTOCOLS
}

/// Returns true if the answer refuses a request that has no sure reading, or no end. The bytes
/// after it on its connection have none either, so that it ends (ATTACKS H-24).
fn is_unread(answer: &Answer) -> bool {
    let problem = answer.extensions().get();
    matches!(problem, Some(Problem::BadRequest | Problem::RequestTimeout))
}

/// Returns the upstream's answer, or the refusal.
async fn answer(
    connection: &Arc<Connection>,
    table: &Arc<RouteTable>,
    parts: Parts,
    body: ClientBody,
    measure: &mut Measure,
) -> Result<Answer, Refusal> {
    let state = &connection.worker.state;
    let key = proof_cache::key(&parts.headers);
    let cached = key.and_then(|key| connection.worker.proofs.get(table, key));
    let fresh = key.filter(|_| cached.is_none());
    let client = RequestClient::of(connection, &parts.headers, table);
    let canonical = acceptable((&parts, &body), &client, cached, table, &state.metrics);
    let mut canonical = canonical.inspect_err(|refusal| {
        state.paywall.observe_refusal(&parts.method, refusal);
    })?;
    canonical.trace = Traces::begin(state.traces.as_ref(), &parts.headers);
    // A caller who has paid is served if that is possible. Others are not sold what cannot be had.
    let available = |matched: &Matched| {
        let is_sold = matched.route.sold().is_some();
        let (target, tag) = (table.target(matched.index), matched.route.tag);
        async move {
            let is_there = match target {
                Some(target) => target.upstreams.is_available(is_sold).await,
                None => true,
            };
            if !is_there && !is_sold {
                state.metrics.free_unavailable(tag);
            }
            is_there
        }
    };
    let admitted = state
        .paywall
        .admit_if(&table.snapshot, &canonical, available);
    let granted = trace::within(canonical.trace, admitted).await?;
    if granted.route().sold().is_none() {
        measure.passes_free(granted.route().tag);
    }
    if let Some(key) = fresh {
        remember(connection, table, key, &granted);
    }
    let mut answer = match table.target(granted.route_index()) {
        Some(target) => {
            let (request, of) = ((parts, body), (connection, &client));
            forward(granted, request, &canonical, target, table, of, measure).await
        }
        None => {
            let request = (parts, body, &canonical);
            early(own(granted, request, &client, table, state).await)
        }
    };
    client.stays_until_end_of(&mut answer);
    Ok(answer)
}

/// Answers a request for a path of the gateway's own.
async fn own(
    granted: Granted,
    (parts, body, canonical): (Parts, ClientBody, &CanonicalRequest),
    client: &RequestClient<'_>,
    table: &RouteTable,
    state: &GatewayState,
) -> Answer {
    let route = granted.route_index();
    // Boxed: they are seldom asked for, and every request would hold their place.
    if table.is_receipt(route) {
        let receipt = receipt::answer(granted, &parts.method, canonical, table, state);
        return Box::pin(receipt).await;
    }
    if table.is_unlock(route) {
        let unlock = unlock::answer(granted, (parts, body), client, (table, state));
        return Box::pin(unlock).await;
    }
    document::answer(granted, &parts, table)
}

/// Returns the reading of a request, or the refusal of one that is refused in any case. Before the
/// paywall: nobody should pay for it.
fn acceptable(
    (parts, body): (&Parts, &ClientBody),
    client: &RequestClient<'_>,
    cached: Option<Arc<Proven>>,
    table: &RouteTable,
    metrics: &Metrics,
) -> Result<CanonicalRequest, Refusal> {
    let canonical = canonical(parts, client.address(), cached, table)?;
    let max = table.http.body_max_bytes;
    let (problem, limit) = if max != 0 && body.size_hint().lower() > max {
        (Problem::BodyTooLarge, Limit::BodyMaxBytes)
    } else if client.has_more_streams_than(table.http.streams_per_peer) {
        (Problem::Overloaded, Limit::StreamsPerPeer)
    } else {
        return Ok(canonical);
    };
    metrics.limits.hit(limit);
    Err(Refusal::new(problem).with_use(UseReport::of_refused(&canonical)))
}

/// Keeps a proof if the same credential may come again.
fn remember(connection: &Connection, table: &Arc<RouteTable>, key: &[u8], granted: &Granted) {
    // A credential for one use does not come again. It would only push others out.
    let reusable = |proof: &&Authorized| proof.policy().uses() != Some(NonZeroU32::MIN);
    if granted.proof().filter(reusable).is_some()
        && let Some(proven) = granted.proven()
    {
        connection.worker.proofs.put(table, key, proven);
    }
}

/// Returns the only reading of a request's head, or the refusal if there is none or if no upstream
/// could be asked for it (ATTACKS H-09, H-41).
fn canonical(
    parts: &Parts,
    peer: IpAddr,
    cached: Option<Arc<Proven>>,
    table: &RouteTable,
) -> Result<CanonicalRequest, Refusal> {
    let bad = |detail| Err(Refusal::new(Problem::BadRequest).with_detail(detail));
    let canonical = CanonicalRequest::from_parts_knowing(parts, peer, cached)
        .map_err(|problem| Refusal::unread(problem, &parts.uri))?;
    // A target in absolute form names a host, too, but not in place of the header (RFC 9112 section
    // 3.2.2).
    let may_lack_header = canonical.host.is_none() || parts.uri.authority().is_some();
    if may_lack_header
        && parts.version == Version::HTTP_11
        && !parts.headers.contains_key(http::header::HOST)
    {
        return bad("Name the host in exactly one header Host");
    }
    // HTTP/1.0 has no `Host`. Where the configuration names hosts, such a request is for none.
    if canonical.host.is_none() && parts.version > Version::HTTP_11 {
        return bad("Name the host in :authority");
    }
    // Percent escapes may have made the target longer than it came. Checked before the paywall, so
    // that nobody pays for a target that no upstream can be asked for.
    let length = match parts.uri.path_and_query() {
        Some(target) if canonical.keeps_bytes() => target.as_str().len(),
        _ => canonical.path_and_query().len(),
    };
    if length > table.target_max {
        return Err(Refusal::new(Problem::UriTooLong));
    }
    Ok(canonical)
}
