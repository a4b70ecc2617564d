//! Accepting connections, and serving the requests of each.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::HeaderValue;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use l402_host::is_out_of_descriptors;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::peers::{NoPlace, PeerSlot, Peers};
use super::requests::{Requests, TrackedBody};
use super::socket::Socket;
use super::stop::StopSignal;
use crate::config::Http;
use crate::exchange::{Connection, OpenStreams, Streams, Worker, handle, turn};
use crate::timer::ConnectionTimer;
use crate::warning::Warnings;

/// The time without accepting after the system had no file descriptor left.
const BACK_OFF: Duration = Duration::from_millis(50);

/// The largest read buffer of a connection, in bytes. Heads have a limit of their own, and bodies
/// move faster in larger pieces.
const READ_AHEAD: usize = 128 * 1024;

/// The largest number of streams that a client may reset before they are answered, and the same for
/// resets by hyper (ATTACKS D-06).
const RESETS_MAX: usize = 50;

/// The time without a frame after which a connection of HTTP/2 is sent a PING.
const PING_AFTER: Duration = Duration::from_secs(30);

/// Accepts connections for one worker, on each of its listeners.
#[derive(Clone)]
pub(crate) struct Acceptor {
    pub(crate) worker: Arc<Worker>,
    pub(crate) peers: Peers,
    pub(crate) stop: StopSignal,
    pub(crate) warnings: Arc<AcceptWarnings>,
    /// Cloned into each connection: the channel closes when the last one has ended.
    pub(crate) alive: mpsc::Sender<()>,
}

/// The warnings about connections that are not served, at most one a second of each kind in the
/// whole process.
#[derive(Debug, Default)]
pub(crate) struct AcceptWarnings {
    not_accepted: Warnings,
    closed: Warnings,
}

impl Acceptor {
    /// Accepts connections until the gateway stops.
    pub(crate) async fn accept(mut self, listener: std::net::TcpListener) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "a listener cannot be used"),
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, peer)) => self.serve(socket, peer),
                    Err(error) => self.wait_after(&error).await,
                },
                _ = self.stop.notified() => return,
            }
        }
    }

    /// Serves one connection in a task of its own, unless its peer has too many.
    fn serve(&self, socket: TcpStream, peer: SocketAddr) {
        let table = self.worker.state.table.load_full();
        // An IPv4 client of a listener on `[::]` counts as the IPv4 address that it is.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let limit = table.http.connections_per_peer;
        // Closed without an answer, since an answer costs what the limit is there to save.
        let slot = match self.peers.enter(peer.ip(), limit) {
            Ok(slot) => slot,
            Err(no_place) => return self.warn_of_closed(peer.ip(), no_place),
        };
        let accepted = Accepted {
            worker: Arc::clone(&self.worker),
            stop: self.stop.clone(),
            peer,
            open: OpenConnection {
                slot,
                _alive: self.alive.clone(),
            },
        };
        tokio::spawn(async move {
            if let Err(error) = accepted.serve(socket, table.tls.clone(), &table.http).await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }

    /// Waits if accepting failed for a lack of resources, since the next attempt would fail at once.
    /// Connections that nothing uses go first. A client that has left meanwhile is no reason to
    /// wait.
    async fn wait_after(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionReset | Interrupted
        ) {
            return;
        }
        if is_out_of_descriptors(error) {
            self.worker.free_descriptors();
        }
        if let Some(untold) = self.warnings.not_accepted.failure(Instant::now()) {
            tracing::warn!(%error, untold, "cannot accept a connection");
        }
        sleep(BACK_OFF).await;
    }

    /// Says why a connection was closed without an answer.
    fn warn_of_closed(&self, peer: IpAddr, no_place: NoPlace) {
        let Some(untold) = self.warnings.closed.failure(Instant::now()) else {
            return;
        };
        let why = match no_place {
            NoPlace::All => "all that the limit on open files leaves for clients are in use",
            NoPlace::Caller => {
                "its address has as many as it may, http.connections_per_peer and not more than are \
                 free; 0 lets a proxy of yours have all"
            }
        };
        tracing::warn!(%peer, untold, "a connection was closed: {why}");
    }
}

/// A connection whose protocol is not known yet.
struct Accepted {
    worker: Arc<Worker>,
    stop: StopSignal,
    peer: SocketAddr,
    open: OpenConnection,
}

/// The marks of an open connection, dropped when it ends: one of its peer's slots, and one sender
/// of the channel that keeps the worker from ending.
struct OpenConnection {
    slot: PeerSlot,
    _alive: mpsc::Sender<()>,
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

impl Accepted {
    /// Finds out the protocol, with or without TLS, then serves the connection.
    async fn serve(
        self,
        socket: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        http: &Http,
    ) -> Outcome {
        socket.set_nodelay(true)?;
        let Some(tls) = tls else {
            let mut socket = Socket::new(socket, http.body_idle_timeout);
            // A client that says nothing is closed here after the time-out for heads, before
            // hyper's own begins (ATTACKS D-04).
            let http2 = http.h2c && timeout(http.header_timeout, socket.speaks_http2()).await??;
            return self.speak(socket, false, http2, http).await;
        };
        let handshake = TlsAcceptor::from(tls).accept(socket);
        let stream = timeout(http.header_timeout, Box::pin(handshake)).await??;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let mut socket = Socket::new(stream, http.body_idle_timeout);
        // The preface is awaited here, so that it comes under the time-out for heads (ATTACKS
        // D-04).
        if http2 && !timeout(http.header_timeout, socket.speaks_http2()).await?? {
            return Err("HTTP/2 was agreed on, and something else was said".into());
        }
        // Boxed, so that the future of a plain connection does not hold the space that TLS and
        // HTTP/2 take.
        Box::pin(self.speak(socket, true, http2, http)).await
    }

    /// Serves the requests of a connection until it ends or the gateway stops.
    async fn speak<S>(self, socket: Socket<S>, tls: bool, http2: bool, http: &Http) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        if http2 {
            return Box::pin(self.speak_http2(socket, tls, http)).await;
        }
        // HTTP/2 frames carry their lengths; only the text of HTTP/1.1 can be read in two ways.
        let (socket, tunnel) = socket.with_framing();
        let (mut stop, connection) = self.connection(tls, tunnel, None);
        let service = service_fn(move |request| handle(Arc::clone(&connection), request));
        let serving = http1_builder(http).serve_connection(TokioIo::new(socket), service);
        let mut serving = core::pin::pin!(serving.with_upgrades());
        let ended = turn::noted(async {
            tokio::select! {
                biased;
                ended = turn::polled(serving.as_mut()) => ended,
                _ = stop.notified() => {
                    serving.as_mut().graceful_shutdown();
                    turn::polled(serving).await
                }
            }
        });
        Ok(ended.await?)
    }

    /// Serves the requests of a connection of HTTP/2 until it ends or the gateway stops. One that
    /// makes no request in time, the first one or another, is told to go away (ATTACKS D-04).
    async fn speak_http2<S>(self, socket: Socket<S>, tls: bool, http: &Http) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let streams = Streams {
            limit: http.body_idle_timeout,
            open: self.worker.state.streams.of(self.peer.ip()),
        };
        let open = Some(streams.open.clone());
        let (mut stop, connection) = self.connection(tls, Arc::default(), open);
        let requests = Arc::new(Requests::default());
        let counted = Arc::clone(&requests);
        let service = service_fn(move |request| {
            let (connection, open) = (Arc::clone(&connection), counted.begin());
            async move {
                let answer = handle(connection, request).await?;
                Ok::<_, Infallible>(answer.map(|body| TrackedBody::new(body, open)))
            }
        });
        let socket = TokioIo::new(socket.with_frames());
        let serving = http2_builder(http, streams).serve_connection(socket, service);
        let mut serving = core::pin::pin!(serving);
        tokio::select! {
            ended = serving.as_mut() => return Ok(ended?),
            _ = stop.notified() => {}
            () = requests.idle(http.header_timeout) => {}
        }
        serving.as_mut().graceful_shutdown();
        // A client that makes no request may not answer GOAWAY either, so the wait for it is
        // limited.
        tokio::select! {
            ended = serving.as_mut() => Ok(ended?),
            () = requests.idle(http.header_timeout) => Ok(()),
        }
    }

    /// Returns the stop signal, and the facts that the requests of this connection use.
    fn connection(
        self,
        tls: bool,
        tunnel: Arc<AtomicBool>,
        streams: Option<OpenStreams>,
    ) -> (StopSignal, Arc<Connection>) {
        let address = HeaderValue::from_str(&self.peer.ip().to_string());
        let connection = Connection {
            worker: self.worker,
            peer: self.peer,
            address: address.expect("an IP address is visible ASCII"),
            tls,
            streams,
            tunnel,
            load: self.open.slot.load().clone(),
            _open: Box::new(self.open),
        };
        (self.stop, Arc::new(connection))
    }
}

/// Returns hyper's settings for HTTP/1.1.
fn http1_builder(http: &Http) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(ConnectionTimer::default())
        .header_read_timeout(http.header_timeout)
        .max_header_size(usize::try_from(http.header_max_bytes).unwrap_or(usize::MAX))
        .max_buf_size(READ_AHEAD);
    builder
}

/// Returns hyper's settings for HTTP/2. Limits are set even if they are hyper's defaults, so that a
/// new version of it cannot change them.
fn http2_builder(http: &Http, streams: Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_AFTER)
        .max_header_list_size(http.header_max_bytes)
        .max_concurrent_streams(http.max_streams)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX);
    builder
}
