//! One request: canonical, decided, then forwarded or refused.

use std::convert::Infallible;
use std::sync::Arc;

use http::Request;
use http_body::Body as _;
use hyper::body::Incoming;
use l402::Problem;
use l402_server::{CanonicalRequest, Refusal};

use crate::answer::{Answer, refuse};
use crate::forward::forward;
use crate::worker::Connection;

pub(crate) async fn handle(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    Ok(answer(&connection, request).await.unwrap_or_else(refuse))
}

async fn answer(
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let state = &connection.worker.state;
    let shop = state.shop.load_full();
    let (parts, body) = request.into_parts();
    let canonical =
        CanonicalRequest::from_parts(&parts, connection.peer.ip()).map_err(Refusal::new)?;
    let max = shop.http.body_max_bytes;
    if max != 0 && body.size_hint().lower() > max {
        return Err(Refusal::new(Problem::BodyTooLarge));
    }
    let granted = state.paywall.admit(&shop.snapshot, &canonical).await?;
    let request = Request::from_parts(parts, body);
    Ok(forward(granted, request, &canonical, &shop, connection).await)
}
