//! The HTTP server before the calls, as bitcoind has it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::rpc::{RpcError, answer};
use super::state::State;

/// The largest call, in bytes: more than the hex digits of the largest standard transaction.
const CALL_MAX_BYTES: usize = 1 << 20;

/// A server that answers until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(user: &str, password: &str, state: Arc<Mutex<State>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let desk = Arc::new(Desk {
            authorization: format!("Basic {credentials}"),
            state,
        });
        Self {
            address,
            task: tokio::spawn(accept(listener, desk)),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connections belong to this task and end with it.
async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        let service = service_fn(move |request| {
            let desk = Arc::clone(&desk);
            async move { Ok::<_, Infallible>(desk.handle(request).await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(connection);
        while connections.try_join_next().is_some() {}
    }
}

/// The login, and the chain that is asked.
#[derive(Debug)]
struct Desk {
    authorization: String,
    state: Arc<Mutex<State>>,
}

/// A call with the identifier that its answer repeats.
struct Call {
    id: Value,
    method: String,
    parameters: Vec<Value>,
}

impl Desk {
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::POST {
            return empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let sent = request.headers().get(AUTHORIZATION);
        if sent.is_none_or(|sent| sent.as_bytes() != self.authorization.as_bytes()) {
            let mut response = empty(StatusCode::UNAUTHORIZED);
            let realm = HeaderValue::from_static("Basic realm=\"jsonrpc\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, realm);
            return response;
        }
        let body = Limited::new(request.into_body(), CALL_MAX_BYTES).collect();
        match body.await {
            Ok(body) => self.respond(&body.to_bytes()),
            Err(_) => empty(StatusCode::PAYLOAD_TOO_LARGE),
        }
    }

    fn respond(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let (id, result) = match Call::parse(body) {
            Ok(call) => {
                let mut state = super::lock(&self.state);
                let result = answer(&mut state, &call.method, &call.parameters);
                (call.id, result)
            }
            Err(error) => (Value::Null, Err(error)),
        };
        let status = result.as_ref().err().map_or(StatusCode::OK, status);
        let answer = match result {
            Ok(result) => json!({ "result": result, "error": null, "id": id }),
            Err(RpcError { code, message }) => {
                let error = json!({ "code": code, "message": message });
                json!({ "result": null, "error": error, "id": id })
            }
        };
        let mut response = Response::new(Full::from(answer.to_string()));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

impl Call {
    fn parse(body: &[u8]) -> Result<Self, RpcError> {
        let mut call: Value = serde_json::from_slice(body)
            .map_err(|_| RpcError::new(RpcError::PARSE, "Parse error"))?;
        let wrong = |what| RpcError::new(RpcError::REQUEST, what);
        let call = call
            .as_object_mut()
            .ok_or_else(|| wrong("a call is an object"))?;
        let method = call.get("method").and_then(Value::as_str);
        let method = method
            .ok_or_else(|| wrong("method must be text"))?
            .to_owned();
        let parameters = match call.remove("params") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(parameters)) => parameters,
            Some(_) => return Err(wrong("params must be an array")),
        };
        Ok(Self {
            id: call.remove("id").unwrap_or_default(),
            method,
            parameters,
        })
    }
}

/// bitcoind's status for an error.
fn status(error: &RpcError) -> StatusCode {
    match error.code {
        RpcError::REQUEST => StatusCode::BAD_REQUEST,
        RpcError::METHOD => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
