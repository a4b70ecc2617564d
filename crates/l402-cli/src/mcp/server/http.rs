//! The server over HTTP, on this machine alone.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorCode};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::gate::Gate;
use super::handler::McpServer;
use super::message::{self, MESSAGE_MAX};
use super::reply::{Body, full, plain, refused};
use super::stdio::END_TIME;
use crate::access_token::AccessToken;
use crate::context::Context;
use crate::error::CliError;
use crate::note::Note;
use crate::signal::Stop;

/// The longest wait for the head of a request, and for the next one on the same connection.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// The longest wait for the body of a request.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The most connections at the same time. Further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 128;

/// The most sessions of earlier clients at the same time.
const SESSIONS_MAX: usize = 64;

/// The time after which a session ends in which nothing was asked.
const SESSION_TIME: Duration = Duration::from_secs(3600);

/// The pause after a connection that could not be accepted, such as without a free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The longest wait at the end for connections to close.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// The gate, and the SDK's service behind it.
struct Endpoint {
    gate: Gate,
    sessions: Arc<LocalSessionManager>,
    /// The turn to open a session.
    opening: tokio::sync::Mutex<()>,
    service: StreamableHttpService<McpServer, LocalSessionManager>,
}

/// Serves until a signal asks for the end. `started` is called with the address once it is noted.
///
/// # Errors
/// If the note cannot be written, or `started` fails.
pub(crate) async fn serve_http(
    server: McpServer,
    (token, listener): (AccessToken, TcpListener),
    stop: Stop,
    context: &Context,
    started: impl FnOnce(SocketAddr) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let address = listener.local_addr().map_err(CliError::internal)?;
    let gate = Gate::new(address, token);
    let _note = Note::write("mcp", address, context)?;
    started(address)?;
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts([address.ip().to_string(), "localhost".to_owned()])
        .enforce_origin_validation()
        .with_max_request_body_bytes(MESSAGE_MAX);
    // Ends what the SDK keeps open: streams of events, and the sessions behind them.
    let streams = config.cancellation_token.clone();
    let sessions = Arc::new(sessions());
    let (made, for_service) = (server.clone(), Arc::clone(&sessions));
    let service = StreamableHttpService::new(move || Ok(made.clone()), for_service, config);
    let endpoint = Arc::new(Endpoint {
        gate,
        sessions,
        opening: tokio::sync::Mutex::default(),
        service,
    });
    let (ended, end) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(&listener, &endpoint, &mut connections, &end) => {}
        () = stop.requested() => {}
    }
    drop(listener);
    ended.send_replace(true);
    server.0.tasks.end();
    // First the calls: their answers still go out on the streams.
    server.0.calls.finish(END_TIME).await;
    streams.cancel();
    let closed = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(CLOSE_TIME, closed).await;
    Ok(())
}

fn sessions() -> LocalSessionManager {
    let mut sessions = LocalSessionManager::default();
    sessions.session_config.keep_alive = Some(SESSION_TIME);
    sessions
}

async fn accept(
    listener: &TcpListener,
    endpoint: &Arc<Endpoint>,
    connections: &mut JoinSet<()>,
    end: &watch::Receiver<bool>,
) {
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((socket, _)) => {
                connections.spawn(connection(socket, Arc::clone(endpoint), end.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn connection(socket: TcpStream, endpoint: Arc<Endpoint>, mut end: watch::Receiver<bool>) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| {
        let endpoint = Arc::clone(&endpoint);
        async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    // An error is the client's: it went away, or sent what is no request.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = asked_to_end(&mut end) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Waits until the server is asked to end.
async fn asked_to_end(end: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and so the end, too.
    let _ = end.wait_for(|ended| *ended).await;
}

impl Endpoint {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(refusal) = self.gate.check(&request) {
            return *refusal;
        }
        if request.method() != Method::POST {
            return self.service.handle(request).await;
        }
        match read(request).await {
            Ok(Some((request, true))) => self.open(request).await,
            Ok(Some((request, false))) => self.service.handle(request).await,
            // As for every notification that has been understood.
            Ok(None) => {
                let mut accepted = Response::new(full(""));
                *accepted.status_mut() = StatusCode::ACCEPTED;
                accepted
            }
            Err(refusal) => *refusal,
        }
    }

    /// Answers a request that opens a session, unless there are too many.
    async fn open(&self, request: Request<Full<Bytes>>) -> Response<Body> {
        // One after another, so that none is counted before it is there.
        let _turn = self.opening.lock().await;
        if self.sessions.sessions.read().await.len() >= SESSIONS_MAX {
            let text = "too many sessions are open: end one, or wait\n";
            return *plain(StatusCode::SERVICE_UNAVAILABLE, text);
        }
        self.service.handle(request).await
    }
}

/// Reads the message of a request by the rules of stdio, and returns the request with it for the SDK, and
/// true if it opens a session: whatever version it names.
async fn read(
    request: Request<Incoming>,
) -> Result<Option<(Request<Full<Bytes>>, bool)>, Box<Response<Body>>> {
    // Read here and not by the SDK, whose answer to what is no message is the words of a parser.
    let (head, body) = request.into_parts();
    let reading = Limited::new(body, MESSAGE_MAX).collect();
    let read = tokio::time::timeout(BODY_TIME, reading)
        .await
        .map_err(|_| {
            plain(
                StatusCode::REQUEST_TIMEOUT,
                "the body has not come in time\n",
            )
        })?;
    let bytes = read
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                let text = "the message is longer than a mebibyte\n";
                return plain(StatusCode::PAYLOAD_TOO_LARGE, text);
            }
            refused(&message::refusal(
                None,
                ErrorCode::PARSE_ERROR,
                "the message cannot be read",
            ))
        })?
        .to_bytes();
    match message::read(&bytes) {
        Ok(Some(message)) => {
            let opens = is_initialize(&message);
            Ok(Some((Request::from_parts(head, Full::new(bytes)), opens)))
        }
        Ok(None) => Ok(None),
        Err(refusal) => Err(refused(&refusal)),
    }
}

fn is_initialize(message: &ClientJsonRpcMessage) -> bool {
    matches!(message, ClientJsonRpcMessage::Request(request)
        if matches!(request.request, ClientRequest::InitializeRequest(_)))
}
