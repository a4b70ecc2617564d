//! The server, and the faults that are none of the wallet's own.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use tokio::net::TcpListener;

use super::ledger::{Fault, Ledger};
use super::{lnbits, phoenixd};

/// A running double, which ends when this value is dropped.
#[derive(Debug)]
pub struct FakeServer {
    /// The payments, and the fault in force.
    pub ledger: Arc<Ledger>,
    /// The address, as `http://127.0.0.1:PORT`.
    pub base: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeServer {
    /// Starts a double of phoenixd.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn phoenixd() -> Self {
        Self::start(phoenixd::router, Arc::default()).await
    }

    /// Starts a double of LNbits with two wallets, a seller's and a buyer's.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn lnbits() -> Self {
        Self::start(lnbits::router, Arc::default()).await
    }

    /// Ends the server and starts it again on another port, with the same payments.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn restarted(self) -> Self {
        let router = if self.ledger.is_lnbits() {
            lnbits::router
        } else {
            phoenixd::router
        };
        let ledger = Arc::clone(&self.ledger);
        drop(self);
        Self::start(router, ledger).await
    }

    async fn start(router: fn(Arc<Ledger>) -> Router, ledger: Arc<Ledger>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let faulty = middleware::from_fn_with_state(Arc::clone(&ledger), fail);
        let app = router(Arc::clone(&ledger)).layer(faulty);
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("it serves");
        });
        Self {
            ledger,
            base,
            server,
        }
    }
}

async fn fail(State(ledger): State<Arc<Ledger>>, request: Request, next: Next) -> Response {
    match ledger.fault() {
        Fault::Html(status) => page(status),
        Fault::Silent => std::future::pending().await,
        Fault::Huge => {
            let endless = futures_util::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 64 * 1024]))
            });
            Body::from_stream(endless).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Returns the page of something that stands before the wallet.
pub(super) fn page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, Html("<html>a proxy</html>")).into_response()
}

/// Returns an answer that breaks off.
pub(super) fn cut_off() -> Response {
    let broken = futures_util::stream::iter([
        Ok(Bytes::from_static(b"{\"")),
        Err(std::io::Error::other("gone")),
    ]);
    let mut response = Body::from_stream(broken).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}
