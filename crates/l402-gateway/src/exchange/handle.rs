//! One request: canonical, decided, then forwarded or refused.

use std::convert::Infallible;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header::{CONNECTION, HeaderValue};
use http::request::Parts;
use http::{Request, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use l402::{Authorized, Problem, Proven};
use l402_server::{CanonicalRequest, Granted, Refusal};

use super::answer::{Answer, refuse};
use super::connection::Connection;
use super::forward::forward;
use super::proof_cache;
use crate::table::RouteTable;

pub(crate) async fn handle(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    connection.has_request.store(true, Ordering::Relaxed);
    let version = request.version();
    let mut answer = answer(&connection, request).await.unwrap_or_else(refuse);
    if version <= Version::HTTP_11 && is_unread(&answer) {
        // An answer of 1.1 would be told to keep alive what asked so in 1.0.
        *answer.version_mut() = version;
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}

/// Whether it refuses a request that has no sure reading, or no end: then neither has what follows
/// on its connection.
fn is_unread(answer: &Answer) -> bool {
    let problem = answer.extensions().get();
    matches!(problem, Some(Problem::BadRequest | Problem::RequestTimeout))
}

async fn answer(
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let state = &connection.worker.state;
    let table = state.table.load_full();
    let (parts, body) = request.into_parts();
    let key = proof_cache::key(&parts.headers);
    let cached = key.and_then(|key| connection.worker.proofs.get(&table, key));
    let fresh = key.filter(|_| cached.is_none());
    let max = table.http.body_max_bytes;
    let canonical = canonical(&parts, connection.peer.ip(), cached, &table).and_then(|canonical| {
        if max != 0 && body.size_hint().lower() > max {
            return Err(Refusal::new(Problem::BodyTooLarge));
        }
        Ok(canonical)
    });
    let canonical = canonical.inspect_err(|refusal| {
        state.paywall.observe_refusal(&parts.method, refusal);
    })?;
    let granted = state.paywall.admit(&table.snapshot, &canonical).await?;
    if let Some(key) = fresh {
        remember(connection, &table, key, &granted);
    }
    Ok(forward(granted, (parts, body), &canonical, &table, connection).await)
}

/// Keeps what was proven, where the same credential may well come again.
fn remember(connection: &Connection, table: &Arc<RouteTable>, key: &[u8], granted: &Granted) {
    let reusable = |proof: &&Authorized| proof.policy().uses() != Some(NonZeroU32::MIN);
    if granted.proof().filter(reusable).is_some()
        && let Some(proven) = granted.proven()
    {
        connection.worker.proofs.put(table, key, proven);
    }
}

/// The one reading of a request's head, as far as that can be sent on (ATTACKS H-09, H-41).
fn canonical(
    parts: &Parts,
    peer: IpAddr,
    cached: Option<Arc<Proven>>,
    table: &RouteTable,
) -> Result<CanonicalRequest, Refusal> {
    let bad = |detail| Err(Refusal::new(Problem::BadRequest).with_detail(detail));
    if parts.version < Version::HTTP_11 {
        return bad("Use HTTP/1.1 or HTTP/2");
    }
    if parts.version == Version::HTTP_11 && !parts.headers.contains_key(http::header::HOST) {
        return bad("Name the host in exactly one header Host");
    }
    let canonical =
        CanonicalRequest::from_parts_knowing(parts, peer, cached).map_err(Refusal::new)?;
    if canonical.host.is_none() {
        return bad("Name the host in :authority");
    }
    // Escapes make it longer than it came. Nobody pays for what cannot be asked for.
    if canonical.path_and_query().len() > table.target_max {
        return Err(Refusal::new(Problem::UriTooLong));
    }
    Ok(canonical)
}
