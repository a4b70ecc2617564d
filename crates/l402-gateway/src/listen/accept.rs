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
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::bind::BACKLOG;
use super::certificates::ACME_TLS;
use super::peers::{NoPlace, PeerSlot, Peers};
use super::proxied;
use super::requests::{Requests, TrackedBody};
use super::socket::Socket;
use super::stop::StopSignal;
use crate::config::Http;
use crate::exchange::{Connection, OpenStreams, Redirect, Streams, Worker, handle, turn};
use crate::metrics::{CountedConnection, Limit, Metrics, Protocol};
use crate::table::RouteTable;
use crate::timer::ConnectionTimer;
use crate::warning::Warnings;

/// The time without accepting after the system had no file descriptor left.
const BACK_OFF: Duration = Duration::from_millis(50);

/// The largest number of connections that are accepted from a queue after the stop, one queue in full.
const QUEUED_MAX: usize = BACKLOG as usize;

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
    /// The addresses whose connections begin with a PROXY header.
    pub(crate) proxied: Arc<[SocketAddr]>,
    /// The address whose requests are only sent on to TLS.
    pub(crate) redirected: Option<Redirected>,
    /// Cloned into each connection: the channel closes when the last one has ended.
    pub(crate) alive: mpsc::Sender<()>,
}

/// An address for plain HTTP, and where its requests are to come instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirected {
    pub(crate) address: SocketAddr,
    pub(crate) ports: Redirect,
}

/// The manner in which a listener's connections begin.
#[derive(Clone, Copy)]
enum Entry {
    Direct,
    /// By a PROXY header.
    Proxied,
    /// In plain text, for a redirect alone.
    Redirected(Redirect),
}

/// The warnings about connections that are not served, at most one a second of each kind in the
/// whole process.
#[derive(Debug, Default)]
pub(crate) struct AcceptWarnings {
    not_accepted: Warnings,
    closed: Warnings,
    /// Of listeners whose connections begin with a PROXY header.
    not_proxied: Warnings,
}

impl Acceptor {
    /// Accepts connections until the gateway stops, and then those that the kernel has queued.
    pub(crate) async fn accept(mut self, listener: std::net::TcpListener) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "a listener cannot be used"),
        };
        let address = listener.local_addr();
        let entry = address.map_or(Entry::Direct, |address| self.entry(address));
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, peer)) => self.serve(socket, peer, entry),
                    Err(error) => self.wait_after(&error).await,
                },
                () = self.stop.notified() => return self.accept_queued(listener, entry),
            }
        }
    }

    fn entry(&self, address: SocketAddr) -> Entry {
        match self.redirected {
            Some(redirected) if redirected.address == address => {
                Entry::Redirected(redirected.ports)
            }
            _ if self.proxied.contains(&address) => Entry::Proxied,
            _ => Entry::Direct,
        }
    }

    /// Accepts what waits in the queue of a listener, and closes it: a client that was connected before the
    /// stop should not be reset by it.
    fn accept_queued(&self, listener: TcpListener, entry: Entry) {
        // The standard library asks the kernel itself, and not what the runtime knows of the queue.
        let Ok(listener) = listener.into_std() else {
            return;
        };
        for _ in 0..QUEUED_MAX {
            let accepted = listener.accept().and_then(|(socket, peer)| {
                socket.set_nonblocking(true)?;
                Ok((TcpStream::from_std(socket)?, peer))
            });
            match accepted {
                Ok((socket, peer)) => self.serve(socket, peer, entry),
                Err(_) => return,
            }
        }
    }

    /// Serves one connection in a task of its own, unless its peer has too many.
    fn serve(&self, socket: TcpStream, peer: SocketAddr, entry: Entry) {
        let table = self.worker.state.table.load_full();
        // An IPv4 client of a listener on `[::]` counts as the IPv4 address that it is.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        // All clients of a proxy come through it: they are counted one by one, and not as the proxy.
        let is_trusted = table.proxies.trusts(peer.ip());
        let is_proxied = matches!(entry, Entry::Proxied);
        if is_proxied && !is_trusted {
            let error = "its address is not in trusted_proxies".into();
            return self.warnings.warn_of_unproxied(peer.ip(), error);
        }
        let limit = match is_trusted {
            true => 0,
            false => table.http.connections_per_peer,
        };
        // Closed without an answer, since an answer costs what the limit is there to save.
        let slot = match self.peers.enter(peer.ip(), limit) {
            Ok(slot) => slot,
            Err(no_place) => {
                let metrics = &self.worker.state.metrics;
                return self.warnings.refused(peer.ip(), no_place, metrics);
            }
        };
        let accepted = Accepted {
            worker: Arc::clone(&self.worker),
            stop: self.stop.clone(),
            warnings: Arc::clone(&self.warnings),
            peer,
            proxy_tls: false,
            is_unnamed: false,
            redirect: match entry {
                Entry::Redirected(ports) => Some(ports),
                _ => None,
            },
            open: OpenConnection {
                counted: self.worker.state.metrics.connections.enter(),
                slot,
                _alive: self.alive.clone(),
            },
        };
        tokio::spawn(async move {
            let served = match is_proxied {
                // Boxed, so that the other connections do not hold the space for the header.
                true => Box::pin(accepted.serve_proxied(socket, &table)).await,
                false => accepted.serve(socket, &table).await,
            };
            if let Err(error) = served {
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
}

impl AcceptWarnings {
    /// Counts a connection that was closed without an answer, and says why.
    fn refused(&self, peer: IpAddr, no_place: NoPlace, metrics: &Metrics) {
        metrics.limits.hit(match no_place {
            NoPlace::All => Limit::Connections,
            NoPlace::Caller => Limit::ConnectionsPerPeer,
        });
        let Some(untold) = self.closed.failure(Instant::now()) else {
            return;
        };
        let why = match no_place {
            NoPlace::All => "all that the limit on open files leaves for clients are in use",
            NoPlace::Caller => {
                "its address has as many as it may, http.connections_per_peer and not more than are \
                 free; those of a proxy in trusted_proxies are not limited"
            }
        };
        tracing::warn!(%peer, untold, "a connection was closed: {why}");
    }

    /// Says why a connection was closed that had to begin with a PROXY header.
    fn warn_of_unproxied(&self, peer: IpAddr, why: Fault) {
        if let Some(untold) = self.not_proxied.failure(Instant::now()) {
            tracing::warn!(%peer, untold, "a connection was closed: {why}");
        }
    }
}

/// A connection whose protocol is not known yet.
struct Accepted {
    worker: Arc<Worker>,
    stop: StopSignal,
    warnings: Arc<AcceptWarnings>,
    peer: SocketAddr,
    /// True if the client speaks TLS with the proxy that passes its connection on.
    proxy_tls: bool,
    /// True if a PROXY header named no client.
    is_unnamed: bool,
    redirect: Option<Redirect>,
    open: OpenConnection,
}

/// The marks of an open connection, dropped when it ends: one of its peer's slots, and one sender
/// of the channel that keeps the worker from ending.
struct OpenConnection {
    counted: CountedConnection,
    slot: PeerSlot,
    _alive: mpsc::Sender<()>,
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

type Outcome = Result<(), Fault>;

impl Accepted {
    /// Reads the PROXY header, then serves the connection as that of the client in it.
    async fn serve_proxied(mut self, mut socket: TcpStream, table: &RouteTable) -> Outcome {
        let limit = table.http.header_timeout;
        let read = match timeout(limit, proxied::read_header(&mut socket)).await {
            Ok(read) => read,
            Err(_) => Err("its PROXY header did not come in time".into()),
        };
        let header = match read {
            Ok(header) => header,
            Err(why) => {
                self.warnings.warn_of_unproxied(self.peer.ip(), why);
                return Ok(());
            }
        };
        self.proxy_tls = header.tls;
        self.is_unnamed = header.source.is_none();
        // Without a client the connection is the proxy's own, such as a check of its.
        if let Some(client) = header.source {
            self.peer = client;
            let is_trusted = table.proxies.trusts(client.ip());
            let limit = match is_trusted {
                true => 0,
                false => table.http.connections_per_peer,
            };
            if let Err(no_place) = self.open.slot.pass_to(client.ip(), limit) {
                let metrics = &self.worker.state.metrics;
                self.warnings.refused(client.ip(), no_place, metrics);
                return Ok(());
            }
        }
        self.serve(socket, table).await
    }

    /// Finds out the protocol, with or without TLS, then serves the connection.
    async fn serve(self, socket: TcpStream, table: &RouteTable) -> Outcome {
        let http = &table.http;
        socket.set_nodelay(true)?;
        let Some(tls) = table.tls.clone().filter(|_| self.redirect.is_none()) else {
            let mut socket = Socket::new(socket, http.body_idle_timeout);
            // A client that says nothing is closed here after the time-out for heads, before
            // hyper's own begins (ATTACKS D-04).
            let http2 = http.h2c && timeout(http.header_timeout, socket.speaks_http2()).await??;
            return self.speak(socket, false, http2, http).await;
        };
        let handshake = TlsAcceptor::from(tls).accept(socket);
        let mut stream = timeout(http.header_timeout, Box::pin(handshake)).await??;
        let protocol = stream.get_ref().1.alpn_protocol();
        if protocol == Some(ACME_TLS) {
            // The handshake was all that the authority wanted to see.
            return Ok(stream.shutdown().await?);
        }
        let http2 = protocol == Some(b"h2");
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

    /// Serves the requests of a connection until it ends or the gateway stops. After a hand-over its
    /// next answer is the last one, see [`handle`], so that no request meets a connection that closes.
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
                _ = stop.within() => {
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
                let mut answer = handle(connection, request).await?;
                let place = answer.extensions_mut().remove();
                Ok::<_, Infallible>(answer.map(|body| TrackedBody::new(body, open, place)))
            }
        });
        let socket = TokioIo::new(socket.with_frames());
        let serving = http2_builder(http, streams).serve_connection(socket, service);
        let mut serving = core::pin::pin!(serving);
        tokio::select! {
            ended = serving.as_mut() => return Ok(ended?),
            () = stop.notified() => {}
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
        mut self,
        tls: bool,
        tunnel: Arc<AtomicBool>,
        streams: Option<OpenStreams>,
    ) -> (StopSignal, Arc<Connection>) {
        let address = HeaderValue::from_str(&self.peer.ip().to_string());
        self.open.counted.speaks(match streams {
            Some(_) => Protocol::Http2,
            None => Protocol::Http1,
        });
        let connection = Connection {
            worker: self.worker,
            peer: self.peer,
            is_unnamed: self.is_unnamed,
            address: address.expect("an IP address is visible ASCII"),
            tls: tls || self.proxy_tls,
            redirect: self.redirect,
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
