//! clnrest of the fake node.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::ClnFault;
use super::methods::Refused;
use super::node::Cln;
use super::rune::permits;

/// Serves until it is aborted; the connections end with it.
pub(super) async fn serve(cln: Arc<Cln>, listener: TcpListener, acceptor: TlsAcceptor) {
    let router = Router::new()
        .route("/v1/{method}", post(call))
        .with_state(cln);
    let service = TowerToHyperService::new(router);
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, service) = (acceptor.clone(), service.clone());
        connections.spawn(async move {
            let stream = acceptor.accept(stream).await.ok()?;
            let http = hyper::server::conn::http1::Builder::new();
            let served = http.serve_connection(TokioIo::new(stream), service);
            served.await.ok()
        });
    }
}

async fn call(
    State(cln): State<Arc<Cln>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    Json(params): Json<Value>,
) -> Response {
    let fault = cln.fault(&method);
    match fault {
        ClnFault::Silent => std::future::pending().await,
        ClnFault::Html => return "<html>not clnrest</html>".into_response(),
        ClnFault::Endless => return Body::from_stream(endless()).into_response(),
        ClnFault::Proxy(status) if method == "xpay" => return proxy(status),
        _ => {}
    }
    let Some(rune) = headers.get("rune").and_then(|rune| rune.to_str().ok()) else {
        return refuse(
            StatusCode::FORBIDDEN,
            &Refused(1501, "Not authorized: Missing rune".into()),
        );
    };
    if !permits(rune, &method) {
        let refused = Refused(1502, format!("Not permitted: method is not {method}"));
        return refuse(StatusCode::UNAUTHORIZED, &refused);
    }
    match cln.answer(&method, params).await {
        Ok(_) if fault == ClnFault::CutAfterPay && method == "xpay" => cut(),
        Ok(result) => (StatusCode::CREATED, Json(result)).into_response(),
        Err(refused) if refused.0 == -32601 => refuse(StatusCode::NOT_FOUND, &refused),
        Err(refused) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &refused),
    }
}

fn refuse(status: StatusCode, refused: &Refused) -> Response {
    (status, Json(refused.wire())).into_response()
}

/// Returns an answer of something that stands before clnrest, in JSON that resembles its form.
fn proxy(status: u16) -> Response {
    let code = StatusCode::from_u16(status).expect("a status");
    (
        code,
        Json(json!({ "code": status, "message": "the proxy is tired" })),
    )
        .into_response()
}

fn cut() -> Response {
    let parts = [
        Ok(Bytes::from_static(b"{\"payment_pre")),
        Err(std::io::Error::other("gone")),
    ];
    Body::from_stream(futures_util::stream::iter(parts)).into_response()
}

fn endless() -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 65536])))
}
