//! Accepting connections, and serving the requests of each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderValue;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::peers::{PeerSlot, Peers};
use super::socket::Socket;
use super::stop::StopSignal;
use crate::config::Http;
use crate::exchange::{Connection, Worker, handle};
use crate::timer::ConnectionTimer;

/// How long nothing is accepted after the system had no descriptor to give.
const BACK_OFF: Duration = Duration::from_millis(50);

/// What a connection may read ahead: heads are limited by themselves, bodies flow faster in
/// larger pieces.
const READ_AHEAD: usize = 128 * 1024;

/// Streams that a client resets before they are answered, and ours (ATTACKS D-06).
const RESETS_MAX: usize = 50;

/// An HTTP/2 connection without a sign of life for so long is asked for one.
const PING_AFTER: Duration = Duration::from_secs(30);

/// What the listeners of one worker need to accept connections.
#[derive(Clone)]
pub(crate) struct Acceptor {
    pub(crate) worker: Arc<Worker>,
    pub(crate) peers: Peers,
    pub(crate) stop: StopSignal,
    /// Cloned into each connection: the channel closes when the last one has ended.
    pub(crate) alive: mpsc::Sender<()>,
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
                    Err(error) => wait_after(&error).await,
                },
                _ = self.stop.notified() => return,
            }
        }
    }

    /// Serves one connection in a task of its own, unless its peer has too many.
    fn serve(&self, socket: TcpStream, peer: SocketAddr) {
        let table = self.worker.state.table.load_full();
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let limit = table.http.connections_per_peer;
        let Some(slot) = self.peers.enter(peer.ip(), limit) else {
            return tracing::debug!(peer = %peer.ip(), "too many connections of one address");
        };
        let accepted = Accepted {
            worker: Arc::clone(&self.worker),
            stop: self.stop.clone(),
            peer,
            open: OpenConnection {
                _slot: slot,
                _alive: self.alive.clone(),
            },
        };
        tokio::spawn(async move {
            if let Err(error) = accepted.serve(socket, table.tls.clone(), &table.http).await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

/// A client that left in the queue is nothing; a machine without descriptors needs time.
async fn wait_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    ) {
        tracing::warn!(%error, "cannot accept a connection");
        sleep(BACK_OFF).await;
    }
}

/// A connection of which it is not known yet which protocol it speaks.
struct Accepted {
    worker: Arc<Worker>,
    stop: StopSignal,
    peer: SocketAddr,
    open: OpenConnection,
}

/// Held by whatever keeps a connection open; a worker ends when the last one is gone.
struct OpenConnection {
    _slot: PeerSlot,
    _alive: mpsc::Sender<()>,
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

impl Accepted {
    async fn serve(
        self,
        socket: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        http: &Http,
    ) -> Outcome {
        socket.set_nodelay(true)?;
        let Some(tls) = tls else {
            let mut socket = Socket::new(socket, http.body_idle_timeout);
            let http2 = http.h2c && timeout(http.header_timeout, socket.speaks_http2()).await??;
            return self.speak(socket, false, http2, http).await;
        };
        let handshake = TlsAcceptor::from(tls).accept(socket);
        let stream = timeout(http.header_timeout, Box::pin(handshake)).await??;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let mut socket = Socket::new(stream, http.body_idle_timeout);
        if http2 && !timeout(http.header_timeout, socket.speaks_http2()).await?? {
            return Err("HTTP/2 was agreed on, and something else was said".into());
        }
        // Boxed, so that connections without TLS and HTTP/2 do not carry room for them.
        Box::pin(self.speak(socket, true, http2, http)).await
    }

    async fn speak<S>(self, socket: Socket<S>, tls: bool, http2: bool, http: &Http) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        if http2 {
            return Box::pin(self.speak_http2(socket, tls, http)).await;
        }
        let (socket, tunnel) = socket.with_framing();
        let (mut stop, connection) = self.connection(tls, tunnel);
        let service = service_fn(move |request| handle(Arc::clone(&connection), request));
        let serving = http1_builder(http).serve_connection(TokioIo::new(socket), service);
        let mut serving = core::pin::pin!(serving.with_upgrades());
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            _ = stop.notified() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        Ok(ended?)
    }

    async fn speak_http2<S>(self, socket: Socket<S>, tls: bool, http: &Http) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut stop, connection) = self.connection(tls, Arc::default());
        let asking = Arc::clone(&connection);
        let service = service_fn(move |request| handle(Arc::clone(&connection), request));
        let serving = http2_builder(http).serve_connection(TokioIo::new(socket), service);
        let mut serving = core::pin::pin!(serving);
        tokio::select! {
            ended = serving.as_mut() => return Ok(ended?),
            _ = stop.notified() => {}
            () = no_request_within(&asking, http.header_timeout) => {}
        }
        serving.as_mut().graceful_shutdown();
        // One that says nothing does not say goodbye either.
        tokio::select! {
            ended = serving.as_mut() => Ok(ended?),
            () = no_request_within(&asking, http.header_timeout) => Ok(()),
        }
    }

    fn connection(self, tls: bool, tunnel: Arc<AtomicBool>) -> (StopSignal, Arc<Connection>) {
        let address = HeaderValue::from_str(&self.peer.ip().to_string());
        let connection = Connection {
            worker: self.worker,
            peer: self.peer,
            address: address.expect("an IP address is visible ASCII"),
            tls,
            tunnel,
            has_request: AtomicBool::new(false),
            _open: Box::new(self.open),
        };
        (self.stop, Arc::new(connection))
    }
}

/// Ends if a connection of HTTP/2 has made no request for so long, and never once it has made one
/// (ATTACKS D-04).
async fn no_request_within(connection: &Connection, limit: Duration) {
    sleep(limit).await;
    if connection.has_request.load(Ordering::Relaxed) {
        core::future::pending().await
    }
}

fn http1_builder(http: &Http) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(ConnectionTimer::default())
        .header_read_timeout(http.header_timeout)
        .max_header_size(usize::try_from(http.header_max_bytes).unwrap_or(usize::MAX))
        .max_buf_size(READ_AHEAD);
    builder
}

fn http2_builder(http: &Http) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_AFTER)
        .max_header_list_size(http.header_max_bytes)
        .max_concurrent_streams(http.max_streams)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX);
    builder
}
