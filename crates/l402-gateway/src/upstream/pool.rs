//! A worker's connections to upstreams: last in, first out, so that few stay warm and the rest
//! grow old and go.

use core::fmt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, Uri};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;

use super::Upstream;
use crate::body::RequestBody;

/// How long an idle connection is kept: shorter than most servers keep theirs.
const IDLE: Duration = Duration::from_secs(30);

/// How many idle connections a worker keeps to one upstream.
const IDLE_MAX: usize = 1024;

/// A connection of HTTP/2 without a sign of life for so long is asked for one.
const PING_AFTER: Duration = Duration::from_secs(30);

pub(crate) type Outgoing = Request<RequestBody>;
type Http1 = http1::SendRequest<RequestBody>;
type Http2 = http2::SendRequest<RequestBody>;

/// Connections by the id of the upstream. One for each worker: the lock is never waited for.
#[derive(Default)]
pub(crate) struct Pool {
    http1: Mutex<HashMap<u64, Vec<Idle>>>,
    http2: Mutex<HashMap<u64, Http2>>,
}

struct Idle {
    sender: Http1,
    since: Instant,
}

/// A connection that carries one request, to be given back when its answer has ended.
pub(crate) struct Lease {
    sender: Http1,
    upstream: u64,
    pool: Arc<Pool>,
}

impl Lease {
    pub(crate) fn give_back(self) {
        let Self {
            sender,
            upstream,
            pool,
        } = self;
        if !sender.is_closed() {
            let mut idle = lock(&pool.http1);
            let idle = idle.entry(upstream).or_default();
            if idle.len() < IDLE_MAX {
                idle.push(Idle {
                    sender,
                    since: Instant::now(),
                });
            }
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// No connection.
    Connect(std::io::Error),
    /// It was broken off, or what was answered is not HTTP. Whether the request's body did it, its
    /// progress tells.
    Upstream(hyper::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Upstream(error) => write!(f, "no answer: {error}"),
        }
    }
}

impl From<hyper::Error> for SendError {
    fn from(error: hyper::Error) -> Self {
        Self::Upstream(error)
    }
}

impl Pool {
    /// Sends a request and waits for the head of its answer. The lease, if there is one, goes
    /// with the answer's body.
    pub(crate) async fn send(
        self: &Arc<Self>,
        upstream: &Upstream,
        request: Box<Outgoing>,
    ) -> Result<(Response<Incoming>, Option<Lease>), SendError> {
        if upstream.is_http2() {
            let sending = Box::pin(self.send_http2(upstream, *request));
            return Ok((sending.await?, None));
        }
        let fresh = match self.take(upstream) {
            None => request,
            Some(lease) => match reuse(lease, request).await? {
                Reused::Answered(answer, lease) => return Ok((answer, Some(lease))),
                Reused::Stale(request) => request,
            },
        };
        // Seldom needed and large: boxed, so that not every request carries room for it.
        let mut lease = Box::pin(self.open(upstream)).await?;
        let answer = lease.sender.send_request(*fresh).await?;
        Ok((answer, Some(lease)))
    }

    /// The idle connection that was used last. Those that are not ready yet stay.
    fn take(self: &Arc<Self>, upstream: &Upstream) -> Option<Lease> {
        let mut pools = lock(&self.http1);
        let idle = pools.get_mut(&upstream.id)?;
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            if idle[at].sender.is_closed() {
                idle.remove(at);
            } else if idle[at].sender.is_ready() {
                let sender = idle.remove(at).sender;
                return Some(Lease {
                    sender,
                    upstream: upstream.id,
                    pool: Arc::clone(self),
                });
            }
        }
        None
    }

    async fn open(self: &Arc<Self>, upstream: &Upstream) -> Result<Lease, SendError> {
        let wire = upstream.connect().await.map_err(SendError::Connect)?;
        let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(wire)).await?;
        tokio::spawn(async move {
            // What went wrong is told to the request that it concerns.
            let _ = connection.with_upgrades().await;
        });
        Ok(Lease {
            sender,
            upstream: upstream.id,
            pool: Arc::clone(self),
        })
    }

    async fn send_http2(
        &self,
        upstream: &Upstream,
        request: Outgoing,
    ) -> Result<Response<Incoming>, SendError> {
        let known = lock(&self.http2).get(&upstream.id).cloned();
        let request = match known {
            None => request,
            Some(mut sender) => match sender.try_send_request(request).await {
                Ok(answer) => return Ok(answer),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => unsent,
                    None => return Err(error.into_error().into()),
                },
            },
        };
        let mut sender = self.open_http2(upstream).await?;
        sender.ready().await?;
        Ok(sender.send_request(request).await?)
    }

    async fn open_http2(&self, upstream: &Upstream) -> Result<Http2, SendError> {
        let wire = upstream.connect().await.map_err(SendError::Connect)?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_AFTER)
            .handshake(TokioIo::new(wire))
            .await?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        lock(&self.http2).insert(upstream.id, sender.clone());
        Ok(sender)
    }

    /// Closes what has been idle for long, for ever.
    pub(crate) async fn grow_old(self: Arc<Self>) {
        let mut tick = tokio::time::interval(IDLE / 4);
        loop {
            tick.tick().await;
            let now = Instant::now();
            let mut pools = lock(&self.http1);
            for idle in pools.values_mut() {
                idle.retain(|idle| now - idle.since < IDLE && !idle.sender.is_closed());
            }
            pools.retain(|_, idle| !idle.is_empty());
            lock(&self.http2).retain(|_, sender| !sender.is_closed());
        }
    }
}

enum Reused {
    Answered(Response<Incoming>, Lease),
    /// The connection was closed before it took the request, or before a byte of an answer to a
    /// request that may be sent twice.
    Stale(Box<Outgoing>),
}

async fn reuse(mut lease: Lease, request: Box<Outgoing>) -> Result<Reused, SendError> {
    let again = Head::to_repeat(&request);
    match lease.sender.try_send_request(*request).await {
        Ok(answer) => Ok(Reused::Answered(answer, lease)),
        Err(mut error) => match (error.take_message(), again) {
            (Some(unsent), _) => Ok(Reused::Stale(Box::new(unsent))),
            (None, Some(again)) if broke_off(error.error()) => {
                Ok(Reused::Stale(Box::new(again.into_request())))
            }
            (None, _) => Err(error.into_error().into()),
        },
    }
}

/// What it takes to send a request without a body once more.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    fn to_repeat(request: &Outgoing) -> Option<Self> {
        may_repeat(request).then(|| Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        })
    }

    fn into_request(self) -> Outgoing {
        let mut request = Request::new(RequestBody::empty());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

/// A method that may be repeated (RFC 9110, section 9.2.2), without a body.
fn may_repeat(request: &Outgoing) -> bool {
    let method = request.method();
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    safe && request.body().is_end_stream()
}

/// Whether the connection ended without a byte of an answer.
fn broke_off(error: &hyper::Error) -> bool {
    let reset = std::error::Error::source(error).and_then(|source| {
        source
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind)
    });
    error.is_incomplete_message()
        || error.is_canceled()
        || matches!(
            reset,
            Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
        )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
