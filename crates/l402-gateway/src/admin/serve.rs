//! The thread that serves operators: connections, their limits, and the end.

use core::convert::Infallible;
use core::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::change::Peer;
use super::guard::Own;
use super::listener::Socket;
use super::places::{Place, Places};
#[cfg(unix)]
use super::socket_file::SocketFile;
use super::state::Admin;
use super::threads::THREADS;
use super::trust::Trust;
use super::{page, route};
use crate::{GatewayError, GatewayErrorKind};

/// The longest wait for the head of a request, and between two requests of one connection.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The longest time of one connection, so that a slow one gives its place back.
const CONNECTION_TIME: Duration = Duration::from_secs(120);

/// The most bytes of a head.
const HEAD_MAX: usize = 16 * 1024;

/// The value of a header that ends a connection with its answer.
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The time that answers under way have at the end.
const END_TIME: Duration = Duration::from_secs(1);

/// The listener for operators, served until this is dropped.
pub struct AdminServer {
    address: Option<SocketAddr>,
    place: String,
    admin: Arc<Admin>,
    #[cfg(unix)]
    file: Option<Arc<SocketFile>>,
    /// `None` once it ends.
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for AdminServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl AdminServer {
    /// The address, port 0 resolved; `None` for a socket of Unix.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The address for people: a URL, or the file of a socket of Unix.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Takes the name of the process before this one, if the listener is a socket of Unix: operators reach that
    /// process until it has handed over. To be called after
    /// [`Gateway::take_over`](crate::Gateway::take_over), if the listener is of
    /// [`AdminListener::take_over`](crate::AdminListener::take_over). Does nothing otherwise.
    pub fn take_over(&self) {
        #[cfg(unix)]
        if let Some(file) = &self.file
            && let Err(error) = file.put_in_place()
        {
            tracing::error!(%error, "operators cannot reach the socket of [admin]");
        }
    }

    /// Writes into the audit log that the program has reloaded its file by itself, or the reason why it
    /// could not. Blocks for a moment.
    pub fn note_reload(&self, outcome: Result<(), &str>) {
        self.admin.note_reload(outcome.err());
    }

    pub(super) fn start(served: AdminParts) -> Result<Self, GatewayError> {
        let failed = |error: std::io::Error| {
            let text = format!("cannot start a thread for operators: {error}");
            GatewayError::new(GatewayErrorKind::Runtime, text).with_source(error)
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(THREADS)
            .build()
            .map_err(failed)?;
        let place = served.place();
        let (address, admin) = (served.address, Arc::clone(&served.admin));
        #[cfg(unix)]
        let file = served.socket.file();
        let (stop, stopped) = watch::channel(());
        let thread = std::thread::Builder::new().name("l402-admin".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(served.accept(stopped));
            // What still blocks, such as a slow database, must not hold up the end.
            runtime.shutdown_background();
        });
        Ok(Self {
            address,
            place,
            admin,
            #[cfg(unix)]
            file,
            stop: Some(stop),
            thread: Some(thread.map_err(failed)?),
        })
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(file) = self.file.take()
            && self.admin.gateway().is_handed_over()
        {
            file.stays();
        }
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The parts of the thread.
pub(super) struct AdminParts {
    pub(super) socket: Socket,
    pub(super) address: Option<SocketAddr>,
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    pub(super) admin: Arc<Admin>,
}

impl AdminParts {
    fn place(&self) -> String {
        let listen = self.admin.settings().listen.as_ref();
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match self.address {
            Some(address) => format!("{scheme}://{address}/"),
            None => listen.map_or_else(String::new, ToString::to_string),
        }
    }

    /// Accepts connections until the end is told, and gives those that are open a moment then.
    async fn accept(self, mut stopped: watch::Receiver<()>) {
        let connections = Connections {
            places: Places::new(),
            tls: self.tls.map(TlsAcceptor::from),
            admin: Arc::clone(&self.admin),
            stopped: stopped.clone(),
        };
        tokio::select! {
            // An error: the sender is gone, which is the signal.
            _ = stopped.changed() => {}
            () = connections.of(&self.socket) => {}
            () = page::watch(&self.admin) => {}
        }
        let _ = timeout(END_TIME, connections.places.all_free()).await;
    }
}

struct Connections {
    places: Places,
    tls: Option<TlsAcceptor>,
    admin: Arc<Admin>,
    stopped: watch::Receiver<()>,
}

impl Connections {
    /// Serves every connection of the socket.
    async fn of(&self, socket: &Socket) {
        match socket {
            Socket::Tcp(listener) => {
                let listener = listener.try_clone().and_then(TcpListener::from_std);
                match listener {
                    Ok(listener) => self.of_tcp(&listener).await,
                    Err(error) => tracing::error!(%error, "operators cannot be served"),
                }
            }
            #[cfg(unix)]
            Socket::Unix { listener, .. } => {
                let listener = listener.try_clone();
                match listener.and_then(tokio::net::UnixListener::from_std) {
                    Ok(listener) => self.of_unix(&listener).await,
                    Err(error) => tracing::error!(%error, "operators cannot be served"),
                }
            }
        }
    }

    async fn of_tcp(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(place) = self.place(Some(peer.ip())) else {
                        continue;
                    };
                    let _ = stream.set_nodelay(true);
                    // Of an address that stands for all, the one that the client has reached.
                    match stream.local_addr() {
                        Ok(own) => self.spawn(stream, (Some(own), peer.to_string()), place),
                        Err(error) => tracing::debug!(%error, "a connection has no address"),
                    }
                }
                Err(error) => not_accepted(&error).await,
            }
        }
    }

    #[cfg(unix)]
    async fn of_unix(&self, listener: &tokio::net::UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    if let Some(place) = self.place(None) {
                        self.spawn(stream, (None, "unix".to_owned()), place);
                    }
                }
                Err(error) => not_accepted(&error).await,
            }
        }
    }

    /// Returns a place for a connection that has been accepted. One without a place is closed at once:
    /// those that wait behind it may be of others.
    fn place(&self, peer: Option<IpAddr>) -> Option<Place> {
        let place = self.places.take(peer);
        if place.is_none() {
            tracing::debug!(?peer, "an operator's connection finds no place");
        }
        place
    }

    fn spawn<S>(&self, stream: S, ends: Ends, place: Place)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (admin, stopped) = (Arc::clone(&self.admin), self.stopped.clone());
        let (tls, trust) = (self.tls.clone(), Trust::begin());
        tokio::spawn(async move {
            let own = trust.clone();
            let serving = async {
                match tls {
                    None => connection(stream, ends, &admin, (stopped, own)).await,
                    Some(tls) => {
                        // An error is the client's.
                        if let Ok(stream) = tls.accept(stream).await {
                            connection(stream, ends, &admin, (stopped, own)).await;
                        }
                    }
                }
            };
            let served = async {
                tokio::select! {
                    () = serving => {}
                    () = trust.ends() => {}
                }
            };
            let _ = timeout(CONNECTION_TIME, served).await;
            drop(place);
        });
    }
}

/// The addresses of a connection: its own, `None` for a socket of Unix, and the client's for people.
type Ends = (Option<SocketAddr>, String);

async fn not_accepted(error: &std::io::Error) {
    tracing::warn!(%error, "a connection of an operator cannot be accepted");
    sleep(ACCEPT_PAUSE).await;
}

/// Serves the requests of one connection until it ends, or until the gateway does.
async fn connection<S>(
    stream: S,
    (address, peer): Ends,
    admin: &Arc<Admin>,
    (mut stopped, trust): (watch::Receiver<()>, Trust),
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let peer = Peer(peer);
    let service = service_fn(|mut request: http::Request<Incoming>| async {
        request.extensions_mut().insert(peer.clone());
        let own = Own {
            address,
            hosts: &admin.settings().hosts,
            tls: admin.is_tls(),
        };
        let mut answer = route::answer(admin, request, own, &trust).await;
        if !trust.is_given() {
            // A stranger gives the place back, and asks for another.
            answer.headers_mut().insert(CONNECTION, CLOSE);
        }
        Ok::<_, Infallible>(answer)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = core::pin::pin!(serving);
    // An error is the client's: it went away, or sent what is no request.
    tokio::select! {
        _ = serving.as_mut() => {}
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}
