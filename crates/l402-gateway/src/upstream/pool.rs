//! A worker's connections to upstreams. The connection that was used last is used next, so that few
//! stay in use and the rest become old and are closed.

use core::fmt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use l402_host::is_out_of_descriptors;
use tokio::time::{Instant, timeout};

use super::answer_body::UpstreamBody;
use super::body::{Progress, RequestBody};
use super::connect::Upstream;
use super::http1::{HEAD_MAX, Head, Http1, Http1Body, Http1Request, NoResponse};
use super::slots::{Slot, Slots};
use super::wire::Wire;
use crate::share::Share;

/// The longest time that an idle connection is kept: shorter than most servers keep theirs, so that
/// it is seldom the upstream that closes one.
const IDLE: Duration = Duration::from_secs(30);

/// The largest number of idle connections that a worker keeps to one upstream.
const IDLE_MAX: usize = 1024;

/// The time without a frame after which a connection of HTTP/2 is sent a PING.
const PING_AFTER: Duration = Duration::from_secs(30);

type Http2 = http2::SendRequest<RequestBody>;

/// A request in the version of HTTP that its upstream speaks.
pub(crate) enum UpstreamRequest {
    Http1(Box<Http1Request>),
    Http2(Box<Request<RequestBody>>),
}

/// Connections by the id of their upstream. Each worker is one thread with a pool of its own, so
/// nothing waits for the locks, unless the process runs out of connections and a worker closes the
/// idle ones of another.
pub(crate) struct Pool {
    slots: Arc<Slots>,
    http1: Mutex<HashMap<u64, Vec<Idle>, ahash::RandomState>>,
    /// One connection to each upstream: all requests share it.
    http2: Mutex<HashMap<u64, Http2>>,
}

/// One pool, shared by all requests of one worker.
pub(crate) type SharedPool = Arc<Pool>;

struct Idle {
    connection: Box<Http1>,
    since: Instant,
}

/// A connection that carries one request, to be given back when the answer has ended. Dropped
/// before that, it is closed.
pub(super) struct Lease {
    /// In a place of its own, so that moving the answer whose body holds it does not move it.
    connection: Box<Http1>,
    upstream: u64,
    pool: Arc<Pool>,
}

impl Lease {
    pub(super) fn connection(&mut self) -> &mut Http1 {
        &mut self.connection
    }

    pub(super) fn into_connection(self) -> Http1 {
        *self.connection
    }

    /// Puts the connection back among the idle ones, unless it holds unread bytes.
    pub(super) fn give_back(mut self) {
        // Bytes beyond the answer would be read as the beginning of the next request's answer.
        if !self.connection.set_idle() {
            return;
        }
        let mut idle = lock(&self.pool.http1);
        let idle = idle.entry(self.upstream).or_default();
        if idle.len() < IDLE_MAX {
            idle.push(Idle {
                connection: self.connection,
                since: Instant::now(),
            });
        }
    }
}

/// The reason why a request has no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The process has as many connections open as it may, or the caller has its share of them: no
    /// failure of the upstream.
    Busy,
    /// The connection could not be opened.
    Connect(std::io::Error),
    Http1(NoResponse),
    Http2(hyper::Error),
    Timeout,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str(
                "no file descriptor is left for a connection, or one address has its share of them \
                 (http.connections_per_peer)",
            ),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Http1(why) => why.fmt(f),
            Self::Http2(error) => write!(f, "no answer: {error}"),
            Self::Timeout => NoResponse::Timeout.fmt(f),
        }
    }
}

impl From<hyper::Error> for SendError {
    fn from(error: hyper::Error) -> Self {
        Self::Http2(error)
    }
}

impl From<NoResponse> for SendError {
    fn from(why: NoResponse) -> Self {
        match why {
            NoResponse::Timeout => Self::Timeout,
            why => Self::Http1(why),
        }
    }
}

/// A request without an answer.
pub(crate) struct SendFailure {
    pub(crate) error: SendError,
    /// The request, if it may be sent to another upstream: this one has seen nothing of it, or it may
    /// be repeated.
    pub(crate) request: Option<UpstreamRequest>,
}

impl From<SendError> for SendFailure {
    fn from(error: SendError) -> Self {
        Self {
            error,
            request: None,
        }
    }
}

impl From<hyper::Error> for SendFailure {
    fn from(error: hyper::Error) -> Self {
        SendError::from(error).into()
    }
}

impl UpstreamRequest {
    /// Makes a request that was not sent one for another upstream, which must have the scheme, the base
    /// path and the version of HTTP of the one before.
    pub(crate) fn readdress(&mut self, upstream: &Upstream) {
        match self {
            Self::Http1(request) => request.readdress(upstream.authority()),
            Self::Http2(request) => {
                let mut uri = request.uri().clone().into_parts();
                let authority = upstream.authority().to_str().ok();
                uri.authority = authority.and_then(|authority| authority.parse().ok());
                // An upstream's name is always an authority, and the other parts were there before.
                if let Ok(uri) = Uri::from_parts(uri) {
                    *request.uri_mut() = uri;
                }
            }
        }
    }
}

impl core::fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// Returns a pool without connections. Those that it opens are counted in `slots`.
    pub(crate) fn new(slots: Arc<Slots>) -> SharedPool {
        let pool = Arc::new(Self {
            slots,
            http1: Mutex::default(),
            http2: Mutex::default(),
        });
        pool.slots.watch(&pool);
        pool
    }

    /// The places that the connections of this pool take.
    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Sends a request and waits for the head of its answer, at most for `limit` after the last
    /// piece of the request's body.
    pub(crate) async fn send(
        self: &Arc<Self>,
        upstream: &Upstream,
        request: UpstreamRequest,
        limit: Duration,
        share: Share<'_>,
    ) -> Result<Response<UpstreamBody>, SendFailure> {
        match request {
            UpstreamRequest::Http1(mut request) => {
                let answered = self.exchange(upstream, &mut request, limit, share).await;
                match answered {
                    Ok((head, lease)) => {
                        let answer = Http1Body::answer(head, lease, request);
                        Ok(answer.map(UpstreamBody::Http1))
                    }
                    Err(error) => Err(failure(error, request)),
                }
            }
            UpstreamRequest::Http2(request) => {
                // Boxed because it is large and seldom needed: the future of every request would
                // otherwise hold space for it.
                let progress = request.body().progress();
                let sending = Box::pin(self.send_http2(upstream, request));
                let answer = in_time(sending, &progress, limit).await;
                let answer = answer.unwrap_or_else(|| Err(SendError::Timeout.into()))?;
                Ok(answer.map(UpstreamBody::http2))
            }
        }
    }

    /// Sends a request over HTTP/1.1, and waits for the head of its answer.
    async fn exchange(
        self: &Arc<Self>,
        upstream: &Upstream,
        request: &mut Http1Request,
        limit: Duration,
        share: Share<'_>,
    ) -> Result<(Head, Lease), SendError> {
        // Also before an idle one is taken: it would be missing to others.
        if share.limit != 0 && share.load.count() >= share.limit {
            return Err(SendError::Busy);
        }
        let idle = self.take(upstream, share);
        let was_idle = idle.is_some();
        let mut lease = match idle {
            Some(lease) => lease,
            None => Box::pin(self.open(upstream, share)).await?,
        };
        let mut answered = lease.connection.exchange(request, limit).await;
        // An upstream may have closed the idle connection at the moment when it was used again. A
        // connection that was opened for this request has no such excuse.
        if let Err(why) = &answered
            && was_idle
            && request.may_try_again(why)
        {
            lease = Box::pin(self.open(upstream, share)).await?;
            answered = lease.connection.exchange(request, limit).await;
        }
        Ok((answered?, lease))
    }

    /// Takes the idle connection that was used last. Drops those that were closed meanwhile.
    fn take(self: &Arc<Self>, upstream: &Upstream, share: Share<'_>) -> Option<Lease> {
        let mut pools = lock(&self.http1);
        let idle = pools.get_mut(&upstream.id)?;
        while let Some(Idle { mut connection, .. }) = idle.pop() {
            if connection.is_ready() {
                connection.serve(share.load.enter());
                return Some(Lease {
                    connection,
                    upstream: upstream.id,
                    pool: Arc::clone(self),
                });
            }
        }
        None
    }

    /// Opens a new connection of HTTP/1.1.
    async fn open(
        self: &Arc<Self>,
        upstream: &Upstream,
        share: Share<'_>,
    ) -> Result<Lease, SendError> {
        let slot = self.slots.take_of(share).ok_or(SendError::Busy)?;
        // Before the connection is there: many that are slow to come count as well.
        let counted = share.load.enter();
        let wire = self.connect(upstream, slot).await?;
        let mut connection = Box::new(Http1::new(wire));
        connection.serve(counted);
        Ok(Lease {
            connection,
            upstream: upstream.id,
            pool: Arc::clone(self),
        })
    }

    /// Connects to an upstream, at the cost of idle connections if there is no room for another.
    async fn connect(&self, upstream: &Upstream, slot: Slot) -> Result<Wire, SendError> {
        let mut connected = upstream.connect().await;
        // Something else than connections may have taken the descriptors that were counted on.
        if matches!(&connected, Err(error) if is_out_of_descriptors(error)) {
            self.slots.close_idle();
            connected = upstream.connect().await;
        }
        match connected {
            Ok(stream) => Ok(Wire::new(stream, slot)),
            Err(error) if is_out_of_descriptors(&error) => Err(SendError::Busy),
            Err(error) => Err(SendError::Connect(error)),
        }
    }

    async fn send_http2(
        &self,
        upstream: &Upstream,
        mut request: Box<Request<RequestBody>>,
    ) -> Result<Response<Incoming>, SendFailure> {
        // Cloned, because the lock must not be held across an await.
        let open = lock(&self.http2).get(&upstream.id).cloned();
        if let Some(mut sender) = open {
            match sender.try_send_request(*request).await {
                Ok(answer) => return Ok(answer),
                // hyper hands the request back only if nothing of it was sent, so a new connection
                // may carry it.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = Box::new(unsent),
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let opened = match self.open_http2(upstream).await {
            Ok(mut sender) => match sender.ready().await {
                Ok(()) => Ok(sender),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        match opened {
            Ok(mut sender) => Ok(sender.send_request(*request).await?),
            // Nothing is left to connect with, at whatever upstream.
            Err(error @ SendError::Busy) => Err(error.into()),
            Err(error) => Err(SendFailure {
                error,
                request: Some(UpstreamRequest::Http2(request)),
            }),
        }
    }

    async fn open_http2(&self, upstream: &Upstream) -> Result<Http2, SendError> {
        // One connection for all callers, so that it is nobody's share.
        let slot = self.slots.take().ok_or(SendError::Busy)?;
        let wire = self.connect(upstream, slot).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_AFTER)
            .max_header_list_size(HEAD_MAX)
            .handshake(TokioIo::new(wire))
            .await?;
        tokio::spawn(async move {
            // Each request on the connection gets the error, too.
            let _ = connection.await;
        });
        lock(&self.http2).insert(upstream.id, sender.clone());
        Ok(sender)
    }

    /// Closes the idle connection that was used least recently; returns false if there is none.
    pub(super) fn close_oldest(&self) -> bool {
        let mut pools = lock(&self.http1);
        // The first one of each list is its oldest.
        let oldest = pools.values_mut().filter(|idle| !idle.is_empty());
        let oldest = oldest.min_by_key(|idle| idle[0].since);
        oldest.map(|idle| drop(idle.remove(0))).is_some()
    }

    /// The number of idle connections of HTTP/1.1.
    pub(super) fn count_idle(&self) -> usize {
        lock(&self.http1).values().map(Vec::len).sum()
    }

    pub(super) fn close_all_idle(&self) {
        lock(&self.http1).clear();
    }

    /// Closes connections that have been idle for too long or that the upstream has closed. Never
    /// ends.
    pub(crate) async fn close_idle(self: Arc<Self>) {
        let mut tick = tokio::time::interval(IDLE / 4);
        loop {
            tick.tick().await;
            let now = Instant::now();
            let mut pools = lock(&self.http1);
            for idle in pools.values_mut() {
                idle.retain_mut(|idle| now - idle.since < IDLE && idle.connection.is_ready());
            }
            pools.retain(|_, idle| !idle.is_empty());
            lock(&self.http2).retain(|_, sender| !sender.is_closed());
        }
    }
}

/// Returns the failure of a request over HTTP/1.1, with the request if another upstream may have it.
fn failure(error: SendError, mut request: Box<Http1Request>) -> SendFailure {
    let may = match &error {
        // Opening comes before the first byte, or after the request was made ready to be repeated.
        SendError::Connect(_) => true,
        SendError::Http1(why) => request.may_try_again(why),
        SendError::Busy | SendError::Http2(_) | SendError::Timeout => false,
    };
    let request = may.then_some(UpstreamRequest::Http1(request));
    SendFailure { error, request }
}

/// Waits for `work`, at most for `limit` after the last piece of the request's body. Returns `None`
/// if that time has passed.
async fn in_time<T>(
    mut work: core::pin::Pin<Box<impl Future<Output = T>>>,
    progress: &Progress,
    limit: Duration,
) -> Option<T> {
    loop {
        let (frames, done) = (progress.frames(), progress.is_done());
        match timeout(limit, work.as_mut()).await {
            Ok(answer) => return Some(answer),
            // A piece that came meanwhile starts the time anew. A body that was complete before
            // this round gets no second one.
            Err(_) if done || progress.frames() == frames => return None,
            Err(_) => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
