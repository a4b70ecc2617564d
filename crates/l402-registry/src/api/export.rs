//! The export of every listing, for a program that puts a price on it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body::Frame;
use tokio::sync::mpsc;

use crate::desk::{DeskError, Export, Registry};
use crate::listing::ExportFormat;

/// The pieces that wait for a client that reads slowly.
const AHEAD: usize = 2;

/// Returns the routes of the export: `/api/v1/export.json` and `/api/v1/export.csv`. They are no part of the API
/// by default: a program adds them, and may put a price before them.
pub fn export_router(registry: Registry) -> Router {
    let json = async |State(registry): State<Registry>| export(&registry, ExportFormat::Json);
    let csv = async |State(registry): State<Registry>| export(&registry, ExportFormat::Csv);
    Router::new()
        .route("/api/v1/export.json", get(json))
        .route("/api/v1/export.csv", get(csv))
        .with_state(registry)
}

fn export(registry: &Registry, format: ExportFormat) -> Response {
    let (send, pieces) = mpsc::channel(AHEAD);
    tokio::spawn(feed(registry.export(format), send));
    let mut answer = Response::new(Body::new(Pieces(pieces)));
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    answer
}

/// Sends the pieces of an export, until its end or until the client is gone.
async fn feed(mut export: Export, send: mpsc::Sender<Result<Bytes, DeskError>>) {
    loop {
        let piece = match export.next().await {
            Ok(None) => return,
            Ok(Some(piece)) => Ok(Bytes::from(piece)),
            Err(error) => Err(error),
        };
        let is_broken = piece.is_err();
        if send.send(piece).await.is_err() || is_broken {
            return;
        }
    }
}

/// The body of an export. It breaks off if the store fails, so that nobody takes a part for the whole.
struct Pieces(mpsc::Receiver<Result<Bytes, DeskError>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = DeskError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DeskError>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
