//! A granted request goes to its upstream, and the answer comes back.

use core::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use l402::Problem;
use l402_server::{CanonicalRequest, Granted, Refusal};
use tokio::time::timeout;

use crate::answer::{Answer, refuse};
use crate::body::{AnswerBody, Over, Progress, Proxied, RequestBody, ResponseBody};
use crate::headers::{self, Client};
use crate::shop::{InFlight, Shop, Target};
use crate::tunnel;
use crate::upstream::{Lease, SharedPool};
use crate::worker::Connection;

/// Why a granted request was not answered.
enum Failure {
    /// The client's fault: its body.
    Client(Problem),
    Timeout,
    Upstream(String),
}

/// Forwards a request. Nothing but the paywall makes a [`Granted`], so nothing unpaid gets here.
pub(crate) async fn forward(
    granted: Granted,
    (parts, body): (Parts, Incoming),
    canonical: &CanonicalRequest,
    shop: &Shop,
    connection: &Arc<Connection>,
) -> Answer {
    let target = &shop.targets[granted.route_index()];
    let grpc = canonical.grpc && granted.route().grpc;
    let refusal = |problem| Refusal::new(problem).with_grpc(grpc);
    let Ok(in_flight) = target.enter() else {
        let paid = granted.proof().is_some();
        granted.upstream_failed();
        return refuse(refusal(Problem::Overloaded).with_paid(paid));
    };
    let idle = (!grpc).then_some(shop.http.body_idle_timeout);
    let body = RequestBody::new(body, shop.http.body_max_bytes, idle, granted.blame());
    let progress = body.progress();
    let Some((outgoing, upgrade)) = prepare(parts, body, canonical, target, connection) else {
        return failed(
            Failure::Client(Problem::UriTooLong),
            granted,
            target,
            refusal,
        );
    };
    let sent = send(
        outgoing,
        target,
        &connection.worker.pool,
        shop.http.upstream_timeout,
    )
    .await;
    let answered = sent.and_then(|(answer, lease)| {
        tunnel::check(&answer, upgrade.as_ref()).map_err(Failure::Upstream)?;
        Ok((answer, lease))
    });
    match answered {
        Ok((answer, lease)) => {
            let exchange = Exchange {
                idle: shop.http.body_idle_timeout,
                lease,
                in_flight,
                upgrade,
                progress,
                over: Arc::clone(&connection.worker.over),
            };
            exchange.reply(granted, answer, connection)
        }
        Err(failure) => failed(failure, granted, target, refusal),
    }
}

fn failed(
    failure: Failure,
    granted: Granted,
    target: &Target,
    refusal: impl Fn(Problem) -> Refusal,
) -> Answer {
    let paid = granted.proof().is_some();
    let problem = match failure {
        Failure::Client(problem) => {
            granted.buyer_failed();
            return refuse(refusal(problem).with_paid(paid));
        }
        Failure::Timeout => Problem::UpstreamTimeout,
        Failure::Upstream(why) => {
            tracing::debug!(upstream = %target.upstream, %why, "the upstream failed");
            Problem::UpstreamFailed
        }
    };
    granted.upstream_failed();
    refuse(refusal(problem).with_paid(paid))
}

/// The request as the upstream gets it, and the client's half of a tunnel if one is asked for.
/// `None` if its target cannot be written.
fn prepare(
    mut parts: Parts,
    body: RequestBody,
    canonical: &CanonicalRequest,
    target: &Target,
    connection: &Connection,
) -> Option<(Box<Request<RequestBody>>, Option<tunnel::Wanted>)> {
    let upgrade = (!target.upstream.is_http2())
        .then(|| tunnel::wanted(&mut parts))
        .flatten();
    let authority = parts
        .uri
        .authority()
        .and_then(|a| HeaderValue::from_str(a.as_str()).ok());
    let client = Client {
        address: &connection.address,
        tls: connection.tls,
        host: parts.headers.get(header::HOST).cloned().or(authority),
    };
    headers::request(&mut parts.headers, client, target);
    let mut request = Box::new(Request::new(body));
    *request.method_mut() = parts.method;
    *request.uri_mut() = uri(&parts.uri, canonical, target)?;
    *request.headers_mut() = parts.headers;
    finish(&mut request, target, upgrade.as_ref(), canonical.grpc);
    Some((request, upgrade))
}

/// There is no target to fall back to: whatever stood for it was not what was paid for.
fn uri(asked: &Uri, canonical: &CanonicalRequest, target: &Target) -> Option<Uri> {
    // Without a path, as in `http://shop?q=1`, what was asked begins with the query.
    let as_asked = |asked: &&PathAndQuery| {
        let whole = asked.as_str().starts_with('/');
        target.keeps_paths() && whole && asked.path() == canonical.path
    };
    let path = match asked.path_and_query().filter(as_asked) {
        Some(asked) => asked.clone(),
        None => PathAndQuery::try_from(target.path(&canonical.path_and_query())).ok()?,
    };
    if !target.upstream.is_http2() {
        return Some(Uri::from(path));
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(target.upstream.http_scheme());
    parts.authority = target
        .upstream
        .authority()
        .to_str()
        .ok()
        .and_then(|a| a.parse().ok());
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

/// What belongs to the connection to the upstream.
fn finish(
    request: &mut Request<RequestBody>,
    target: &Target,
    upgrade: Option<&tunnel::Wanted>,
    grpc: bool,
) {
    if target.upstream.is_http2() {
        *request.version_mut() = Version::HTTP_2;
        if grpc {
            request
                .headers_mut()
                .insert(header::TE, HeaderValue::from_static("trailers"));
        }
        return;
    }
    request
        .headers_mut()
        .insert(header::HOST, target.upstream.authority().clone());
    if let Some(upgrade) = upgrade {
        upgrade.announce(request.headers_mut());
    }
}

async fn send(
    request: Box<Request<RequestBody>>,
    target: &Target,
    pool: &SharedPool,
    limit: Duration,
) -> Result<(Response<Incoming>, Option<Lease>), Failure> {
    let progress = request.body().progress();
    let sending = pin!(pool.send(&target.upstream, request));
    let sent = in_time(sending, &progress, limit).await;
    let answered = match sent {
        Some(Ok(answer)) => Ok(answer),
        None => Err(Failure::Timeout),
        Some(Err(error)) => Err(Failure::Upstream(error.to_string())),
    };
    // What the body breaks looks as if the upstream had broken it.
    answered.map_err(|failure| progress.fault().map_or(failure, Failure::Client))
}

/// Waits for so long after the last piece of the request's body; `None` where that is over.
async fn in_time<T>(
    mut work: Pin<&mut impl Future<Output = T>>,
    progress: &Progress,
    limit: Duration,
) -> Option<T> {
    loop {
        let (frames, done) = (progress.frames(), progress.is_done());
        match timeout(limit, work.as_mut()).await {
            Ok(answer) => return Some(answer),
            Err(_) if done || progress.frames() == frames => return None,
            Err(_) => {}
        }
    }
}

/// What has been gathered by the time that an answer's head is there.
struct Exchange {
    idle: Duration,
    lease: Option<Lease>,
    in_flight: Option<InFlight>,
    upgrade: Option<tunnel::Wanted>,
    progress: Arc<Progress>,
    over: Over,
}

impl Exchange {
    /// The answer as the client gets it; its body settles the use.
    fn reply(
        mut self,
        granted: Granted,
        mut answer: Response<Incoming>,
        connection: &Arc<Connection>,
    ) -> Answer {
        let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        let tunnel = self.upgrade.take().filter(|_| switched);
        let tunnel = tunnel.map(|wanted| (wanted, hyper::upgrade::on(&mut answer)));
        *answer.version_mut() = Version::HTTP_11;
        *answer.extensions_mut() = http::Extensions::new();
        let timed = !(is_stream(&answer) || granted.route().grpc || switched);
        let idle = timed.then_some(self.idle);
        headers::response(answer.headers_mut());
        if let Some((wanted, upstream)) = tunnel {
            wanted.announce(answer.headers_mut());
            wanted.open(upstream, connection, self.in_flight.take());
            // What carries a tunnel carries no second request.
            self.lease = None;
        }
        let over = Arc::clone(&self.over);
        let answer = answer.map(|body| {
            ResponseBody::new(
                body,
                idle,
                self.lease,
                self.in_flight,
                self.progress,
                self.over,
            )
        });
        granted
            .settle(answer)
            .map(|body| AnswerBody::Proxied(Proxied::new(body, over)))
    }
}

fn is_stream(answer: &Response<Incoming>) -> bool {
    let kind = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    kind.and_then(|kind| kind.get(..17))
        .is_some_and(|k| k.eq_ignore_ascii_case(b"text/event-stream"))
}
