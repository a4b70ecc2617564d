//! HTTP servers that record each request and its answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::header::{HeaderMap, WWW_AUTHENTICATE};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A server on a loopback port, with a record of all exchanges.
pub(crate) struct Wire {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Exchange>>>,
    _tasks: JoinSet<()>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request<Bytes>,
    pub(crate) answer: Response<Bytes>,
}

impl Exchange {
    /// Returns the values of `Authorization`, one per line.
    pub(crate) fn authorization(&self) -> Vec<&str> {
        lines(self.request.headers(), &AUTHORIZATION)
    }

    /// Returns the values of `WWW-Authenticate`, one per line.
    pub(crate) fn challenges(&self) -> Vec<&str> {
        lines(self.answer.headers(), &WWW_AUTHENTICATE)
    }

    pub(crate) fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }
}

#[derive(Clone)]
enum Role {
    Upstream,
    Relay(SocketAddr, reqwest::Client),
}

impl Wire {
    /// Starts a server that answers with method, path and body of the request.
    pub(crate) async fn upstream() -> Self {
        Self::start(Role::Upstream).await
    }

    /// Starts a server that relays requests to this server, and its answers back.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let http = reqwest::Client::builder().no_proxy().build();
        Self::start(Role::Relay(server, http.expect("an HTTP client"))).await
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns all exchanges so far, in the order of their answers.
    pub(crate) fn seen(&self) -> Vec<Exchange> {
        self.seen.lock().expect("nobody panics with it").clone()
    }

    async fn start(role: Role) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, role, Arc::clone(&seen)));
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }
}

async fn accept(listener: TcpListener, role: Role, seen: Arc<Mutex<Vec<Exchange>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        let (role, seen) = (role.clone(), Arc::clone(&seen));
        let service = service_fn(move |request| {
            let (role, seen) = (role.clone(), Arc::clone(&seen));
            async move { Ok::<_, Infallible>(handle(request, &role, &seen).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn handle(
    request: Request<Incoming>,
    role: &Role,
    seen: &Mutex<Vec<Exchange>>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("the whole request").to_bytes();
    let request = Request::from_parts(head, body);
    let answer = match role {
        Role::Upstream => echo(&request),
        Role::Relay(server, http) => relay(request.clone(), *server, http).await,
    };
    let exchange = Exchange {
        request,
        answer: answer.clone(),
    };
    seen.lock().expect("nobody panics with it").push(exchange);
    answer.map(Full::from)
}

fn echo(request: &Request<Bytes>) -> Response<Bytes> {
    let body = String::from_utf8_lossy(request.body());
    let text = format!("{} {} {body}", request.method(), request.uri().path());
    Response::new(Bytes::from(text))
}

async fn relay(
    mut request: Request<Bytes>,
    server: SocketAddr,
    http: &reqwest::Client,
) -> Response<Bytes> {
    let path = request.uri().path_and_query().expect("a path");
    *request.uri_mut() = format!("http://{server}{path}").parse().expect("a URI");
    let request = reqwest::Request::try_from(request).expect("a request");
    let mut got = http.execute(request).await.expect("an answer");
    let (status, mut headers) = (got.status(), std::mem::take(got.headers_mut()));
    // The framing of a body belongs to one connection and must not be relayed (RFC 9110 section
    // 7.6.1).
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let body = got.bytes().await.expect("the whole answer");
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values.map(|line| line.to_str().expect("text")).collect()
}
