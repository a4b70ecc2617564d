//! Forwards a granted request to its upstream, and returns the answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::Body as _;
use l402::Problem;
use l402_server::ledger::Lease;
use l402_server::{CanonicalRequest, Granted, Refusal, is_event_stream};
use tokio::time::Instant;

use super::addresses;
use super::answer::{Answer, early, refuse};
use super::body::{Aborted, AnswerBody, Proxied, ResponseBody};
use super::client::RequestClient;
use super::connection::Connection;
use super::headers::{self, Client};
use super::payment_headers::payment_headers;
use super::tunnel::{self, Upgrade};
use super::upstream_span::UpstreamSpan;
use crate::metrics::{Limit, Measure, Metrics};
use crate::share::Share;
use crate::table::{InFlight, RouteTable, RouteTarget};
use crate::trace::TraceHeaders;
use crate::upstream::{
    BodyLimits, Chosen, ClientBody, HeadWriter, Progress, RequestBody, SendError, SendFailure,
    Tried, Upstream, UpstreamBody, UpstreamRequest,
};

/// The reason why a granted request has no answer from its upstream.
enum Failure {
    /// This process has no connection left for the request.
    Busy,
    /// The body of the request broke off, stalled or grew too large: the client's fault.
    Client(Problem),
    /// The lease of the ledger has ended: the use may be in the hands of another gateway.
    Lapsed,
    /// No head of an answer came in time.
    Timeout(String),
    /// The upstream could not be reached, or gave no usable answer.
    Upstream(String),
}

impl Failure {
    /// Sorts an error of sending. A broken body of the request also breaks the connection to the
    /// upstream, and looks like the upstream's failure. So a fault of the body is asked for first.
    fn of(error: &SendError, progress: &Progress) -> Self {
        match (progress.fault(), error) {
            (Some(problem), _) => Self::Client(problem),
            (None, SendError::Busy) => Self::Busy,
            (None, SendError::Timeout) => Self::Timeout(error.to_string()),
            (None, error) => Self::Upstream(error.to_string()),
        }
    }
}

/// Forwards a request. Only the paywall makes a [`Granted`], so an unpaid request cannot get here.
pub(crate) async fn forward(
    granted: Granted,
    (parts, body): (Parts, ClientBody),
    canonical: &CanonicalRequest,
    target: &RouteTarget,
    table: &RouteTable,
    (connection, client): (&Arc<Connection>, &RequestClient<'_>),
    measure: &mut Measure,
) -> Answer {
    let metrics = &connection.worker.state.metrics;
    // The content type alone does not make a request gRPC: a client chooses it, and gRPC has no
    // idle time-out.
    let grpc = canonical.grpc && granted.route().grpc;
    let refusal = |problem| Refusal::new(problem).with_grpc(grpc);
    let Ok(place) = target.enter() else {
        metrics.limits.hit(Limit::MaxInFlight);
        let report = granted.with_problem(Problem::Overloaded).not_forwarded();
        return early(refuse(refusal(Problem::Overloaded).with_use(report)));
    };
    let body = RequestBody::new(body, body_limits(table, grpc), granted.blame());
    let progress = body.progress();
    let span = UpstreamSpan::begin(connection, canonical);
    let headers = (payment_headers(&granted, target), span.headers());
    let mut chosen = target.upstreams.choose();
    let way = (target, &**chosen.upstream);
    let Some((request, upgrade)) = prepare(parts, body, canonical, way, client, headers) else {
        let too_long = Failure::Client(Problem::UriTooLong);
        return early(failed(too_long, granted, chosen.upstream, refusal));
    };
    let share = client.share(table.http.connections_per_peer);
    let of = (target, table);
    let sending = send(request, &mut chosen, of, (connection, share), &progress);
    let begun = Instant::now();
    let sent = under(granted.lease(), sending).await;
    span.end(canonical, chosen.upstream, &sent);
    count(&sent, measure, begun, metrics.as_ref(), granted.route().tag);
    match sent.and_then(|answer| checked(answer, &granted, upgrade.as_ref(), target)) {
        Ok(mut answer) => {
            if canonical.method == Method::HEAD {
                leave_head(&mut answer);
            }
            let exchange = Exchange {
                idle: table.http.body_idle_timeout,
                in_flight: Some(InFlight::new(place, chosen.into_counted())),
                upgrade,
                progress,
                aborted: Arc::clone(&connection.worker.aborted),
            };
            exchange.reply(granted, answer, canonical, (connection, client, table))
        }
        Err(failure) => {
            let is_done = progress.is_done();
            let answer = failed(failure, granted, chosen.upstream, refusal);
            if is_done { answer } else { early(answer) }
        }
    }
}

fn body_limits(table: &RouteTable, grpc: bool) -> BodyLimits {
    BodyLimits {
        max: table.http.body_max_bytes,
        idle: (!grpc).then_some(table.http.body_idle_timeout),
        min_per_sec: table.http.body_min_bytes_per_sec,
    }
}

/// Returns an answer that may pass, with its addresses translated.
fn checked(
    mut answer: Response<UpstreamBody>,
    granted: &Granted,
    upgrade: Option<&Upgrade>,
    target: &RouteTarget,
) -> Result<Response<UpstreamBody>, Failure> {
    if granted.has_lapsed() {
        return Err(Failure::Lapsed);
    }
    // A 101 that nobody asked for must not pass: what follows it is no HTTP, and no paywall sees it.
    tunnel::check(&answer, upgrade).map_err(Failure::Upstream)?;
    addresses::translate(answer.headers_mut(), target);
    Ok(answer)
}

/// Counts the time that the upstream took, if it has answered.
fn count<T>(
    sent: &Result<T, Failure>,
    measure: &mut Measure,
    begun: Instant,
    metrics: &Metrics,
    tag: u32,
) {
    let took = begun.elapsed();
    measure.waited_for(took);
    match sent {
        Ok(_) => metrics.routes.at(Some(tag)).upstream_answered(took),
        Err(Failure::Busy) => metrics.limits.hit(Limit::UpstreamConnections),
        Err(_) => {}
    }
}

/// Waits for the answer to a request, but no longer than the lease runs that its use stands under.
async fn under<T>(
    lease: Option<Lease>,
    sending: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let sending = pin!(sending);
    let Some(mut lease) = lease else {
        return sending.await;
    };
    tokio::select! {
        biased;
        () = lease.ended() => Err(Failure::Lapsed),
        sent = sending => sent,
    }
}

/// Sends a request to the upstream that was chosen, and notes what that says of the upstream. One that
/// certainly did not take the request is replaced by another, each of them once: `chosen` is the last.
async fn send<'a>(
    mut request: UpstreamRequest,
    chosen: &mut Chosen<'a>,
    (target, table): (&'a RouteTarget, &RouteTable),
    (connection, share): (&Connection, Share<'_>),
    progress: &Progress,
) -> Result<Response<UpstreamBody>, Failure> {
    let (pool, limit) = (&connection.worker.pool, table.http.upstream_timeout);
    let mut tried: Vec<Tried> = Vec::new();
    loop {
        let upstream = chosen.upstream;
        let SendFailure {
            error,
            request: unsent,
        } = match pool.send(upstream, request, limit, share).await {
            Ok(answer) => {
                upstream.answered();
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        // A body that broke off breaks the connection, too, and says nothing of the upstream.
        if progress.fault().is_some() {
            return Err(Failure::of(&error, progress));
        }
        upstream.failed(&error);
        tried.push(chosen.tried());
        let other = unsent
            .is_some()
            .then(|| target.upstreams.choose_other(chosen, &tried));
        let Some((unsent, other)) = unsent.zip(other.flatten()) else {
            return Err(Failure::of(&error, progress));
        };
        if let Some(untold) = upstream.failure_to_warn_of() {
            let (why, to) = (error.to_string(), other.upstream);
            tracing::warn!(%upstream, %to, %why, untold, "a request went to another upstream");
        }
        (request, *chosen) = (unsent, other);
        request.readdress(chosen.upstream);
    }
}

/// Empties the body of an answer to HEAD.
fn leave_head(answer: &mut Response<UpstreamBody>) {
    // An upstream over HTTP/2 may end even such an answer with an empty piece of body.
    let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    if !switched && !answer.body().is_end_stream() {
        *answer.body_mut() = UpstreamBody::empty();
    }
}

/// Gives the use back, and returns the answer that names the failure.
fn failed(
    failure: Failure,
    granted: Granted,
    upstream: &Upstream,
    refusal: impl Fn(Problem) -> Refusal,
) -> Answer {
    let (problem, why) = match failure {
        Failure::Busy => (Problem::Overloaded, SendError::Busy.to_string()),
        Failure::Client(problem) => {
            let report = granted.with_problem(problem).buyer_failed();
            return refuse(refusal(problem).with_use(report));
        }
        Failure::Lapsed => {
            let report = granted
                .with_problem(Problem::StoreUnavailable)
                .not_forwarded();
            return refuse(refusal(Problem::StoreUnavailable).with_use(report));
        }
        Failure::Timeout(why) => (Problem::UpstreamTimeout, why),
        Failure::Upstream(why) => (Problem::UpstreamFailed, why),
    };
    // Settled first: a log that is slow to take the warning must not hold the use of a buyer.
    let granted = granted.with_problem(problem);
    let report = match problem {
        // Nothing was sent: the upstream has not failed, and the next try need not wait.
        Problem::Overloaded => granted.not_forwarded(),
        _ => granted.upstream_failed(),
    };
    // The caller is told no reason, so this is the one place where the operator can find it.
    if let Some(untold) = upstream.failure_to_warn_of() {
        let code = problem.code();
        let what = match problem {
            Problem::Overloaded => "a request was turned away",
            _ => "the upstream failed",
        };
        tracing::warn!(%upstream, code, %why, untold, "{what}");
    }
    refuse(refusal(problem).with_use(report))
}

/// Returns the request as the upstream gets it, and the client's half of a tunnel if one is asked
/// for; `None` if the path of the request is too long.
fn prepare(
    mut parts: Parts,
    body: RequestBody,
    canonical: &CanonicalRequest,
    (target, upstream): (&RouteTarget, &Upstream),
    client: &RequestClient<'_>,
    (payment, trace): (Vec<(HeaderName, HeaderValue)>, Option<TraceHeaders>),
) -> Option<(UpstreamRequest, Option<Upgrade>)> {
    let authority = parts.uri.authority();
    let authority = authority.and_then(|a| HeaderValue::from_str(a.as_str()).ok());
    let path = path(&parts.uri, canonical, target)?;
    let http2 = upstream.is_http2();
    // `Upgrade` belongs to HTTP/1.1; an upstream over HTTP/2 could not answer 101.
    let upgrade = (!http2)
        .then(|| tunnel::requested_upgrade(&mut parts))
        .flatten();
    let host = parts.headers.get(header::HOST).or(authority.as_ref());
    let client = Client {
        addresses: client.chain(),
        tls: client.uses_tls(),
        host: client.host().or(host),
        payment,
        trace,
    };
    if http2 {
        let way = (target, upstream);
        let request = prepare_http2(&parts, path, body, &client, canonical, way)?;
        return Some((UpstreamRequest::Http2(Box::new(request)), None));
    }
    // Written straight to the bytes of the wire: no second map of headers is built.
    let mut head = HeadWriter::new(parts.method, &path, upstream.authority());
    headers::request(&parts.headers, &client, target, |name, value| {
        head.header(name, value);
    });
    for (name, value) in upgrade.iter().flat_map(Upgrade::headers) {
        head.header(&name, &value);
    }
    let request = head.end(body, parts.headers);
    Some((UpstreamRequest::Http1(request), upgrade))
}

/// Returns the request as an upstream over HTTP/2 gets it; `None` if its target cannot be written.
fn prepare_http2(
    parts: &Parts,
    path: PathAndQuery,
    body: RequestBody,
    client: &Client<'_>,
    canonical: &CanonicalRequest,
    (target, upstream): (&RouteTarget, &Upstream),
) -> Option<Request<RequestBody>> {
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(upstream.http_scheme());
    // The upstream's own name, as in `Host` of HTTP/1.1: the client must not choose which virtual
    // host answers.
    let authority = upstream.authority().to_str().ok();
    uri.authority = authority.and_then(|authority| authority.parse().ok());
    uri.path_and_query = Some(path);
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.version_mut() = Version::HTTP_2;
    let passed = request.headers_mut();
    passed.reserve(parts.headers.len());
    headers::request(&parts.headers, client, target, |name, value| {
        passed.append(name, value.clone());
    });
    // gRPC requires it, and the client's own was dropped with the hop-by-hop headers.
    if canonical.grpc {
        passed.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    Some(request)
}

/// Returns the path and query for the upstream; `None` if they are too long, or not of this route.
/// Another path in its place would serve what was not paid for.
fn path(
    requested: &Uri,
    canonical: &CanonicalRequest,
    target: &RouteTarget,
) -> Option<PathAndQuery> {
    // The target as it came is reused if it is the canonical one, which saves an allocation. A
    // target without a path, as in `http://a?q=1`, begins with the query and is not canonical.
    let passes = |requested: &&PathAndQuery| {
        let whole = requested.as_str().starts_with('/');
        let same = canonical.keeps_bytes() || requested.path() == canonical.path;
        target.keeps_paths() && whole && same
    };
    if let Some(requested) = requested.path_and_query().filter(passes) {
        return Some(requested.clone());
    }
    let path = match canonical.keeps_bytes() {
        true => requested.path(),
        false => &canonical.path,
    };
    let target = target.path(path, canonical.query.as_deref())?;
    PathAndQuery::try_from(target).ok()
}

/// The parts of a request that are still needed after the head of its answer has come.
struct Exchange {
    idle: Duration,
    in_flight: Option<InFlight>,
    upgrade: Option<Upgrade>,
    progress: Arc<Progress>,
    aborted: Aborted,
}

impl Exchange {
    /// Returns the answer as the client gets it. Its body settles the use.
    fn reply(
        mut self,
        mut granted: Granted,
        mut answer: Response<UpstreamBody>,
        canonical: &CanonicalRequest,
        (connection, client, table): (&Arc<Connection>, &RequestClient<'_>, &RouteTable),
    ) -> Answer {
        if answer.status().is_redirection() {
            let (paywall, snapshot) = (&connection.worker.state.paywall, &table.snapshot);
            granted = client.name_origin(granted, canonical, snapshot);
            granted = paywall.lead_on(granted, &answer, canonical, snapshot);
        }
        let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        let ends_request = answer.body().ends_request();
        // The upstream's version does not concern the client, but hyper would pass HTTP/1.0 on.
        *answer.version_mut() = Version::HTTP_11;
        *answer.extensions_mut() = http::Extensions::new();
        // Events, gRPC and tunnels may be silent for as long as they like.
        let timed = !(is_event_stream(answer.headers()) || granted.route().grpc || switched);
        let idle = timed.then_some(self.idle);
        headers::response(answer.headers_mut());
        if switched {
            self.open_tunnel(&mut answer, connection);
        }
        let aborted = Arc::clone(&self.aborted);
        let is_stream = connection.streams.is_some();
        let answer = answer.map(|body| {
            ResponseBody::new(body, idle, self.in_flight, self.progress, self.aborted)
                .for_stream(is_stream)
        });
        let answer = granted
            .settle(answer)
            .map(|body| AnswerBody::Proxied(Box::new(Proxied::new(body, aborted))));
        if ends_request { early(answer) } else { answer }
    }

    /// Takes the connection out of the answer's body and copies both ways on it. An answer that
    /// opens a tunnel has no body.
    fn open_tunnel(&mut self, answer: &mut Response<UpstreamBody>, connection: &Arc<Connection>) {
        let empty = UpstreamBody::empty();
        let upstream = core::mem::replace(answer.body_mut(), empty).into_tunnel();
        // `tunnel::check` has made sure of both.
        if let (Some(upgrade), Some(upstream)) = (self.upgrade.take(), upstream) {
            for (name, value) in upgrade.headers() {
                answer.headers_mut().insert(name, value);
            }
            upgrade.open(upstream, connection, self.in_flight.take());
        }
    }
}
