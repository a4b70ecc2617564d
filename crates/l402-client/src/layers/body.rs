//! The body of an answer, for code that reads bodies by itself.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use l402_host::BoxFuture;

use crate::{Error, Response};

/// The body of an answer. The purchase behind it is marked as served once its end was read.
///
/// Read it to its end, [`Body::poll_frame`] returning `None` or trailers: dropped before, the purchase stays paid, and
/// the same request again presents its credential.
pub struct PaidBody {
    body: reqwest::Body,
    end: End,
}

enum End {
    Reading(Box<Response>),
    /// With the last frame, or the error of an answer that broke off.
    Finishing(BoxFuture<'static, Option<Result<Frame<Bytes>, Error>>>),
    Over,
}

impl fmt::Debug for PaidBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaidBody").finish_non_exhaustive()
    }
}

/// Turns an answer into one with a [`PaidBody`]. Its extensions hold the receipt, if it was paid for.
pub(super) fn into_http(response: Response) -> http::Response<PaidBody> {
    let (mut parts, body, left) = response.split();
    if let Some(receipt) = left.receipt() {
        parts.extensions.insert(receipt.clone());
    }
    let end = End::Reading(Box::new(left));
    http::Response::from_parts(parts, PaidBody { body, end })
}

impl Body for PaidBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            match std::mem::replace(&mut self.end, End::Over) {
                End::Over => return Poll::Ready(None),
                End::Finishing(mut finishing) => match finishing.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.end = End::Finishing(finishing);
                        return Poll::Pending;
                    }
                    Poll::Ready(last) => return Poll::Ready(last),
                },
                End::Reading(mut left) => match Pin::new(&mut self.body).poll_frame(cx) {
                    Poll::Pending => {
                        self.end = End::Reading(left);
                        return Poll::Pending;
                    }
                    // They are the end: readers of gRPC, such as tonic, ask for nothing behind them.
                    Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                        self.end = End::Finishing(Box::pin(async move {
                            end_with(left, &frame).await;
                            Some(Ok(frame))
                        }));
                    }
                    Poll::Ready(Some(Ok(frame))) => {
                        self.end = End::Reading(left);
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    Poll::Ready(Some(Err(error))) => {
                        let reason = crate::http::error_chain(&error.without_url());
                        self.end = End::Finishing(Box::pin(async move {
                            Some(Err(left.break_off(reason).await))
                        }));
                    }
                    Poll::Ready(None) => {
                        self.end = End::Finishing(Box::pin(async move {
                            left.finish().await;
                            None
                        }));
                    }
                },
            }
        }
    }

    // Never at its end before `None` or trailers were read: readers stop there.
    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Over)
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            End::Reading(_) => self.body.size_hint(),
            End::Finishing(_) | End::Over => SizeHint::with_exact(0),
        }
    }
}

/// Records the end of an answer that has trailers. One that ends with a failure of the server, in gRPC, is
/// no delivery: its credential is presented again by the next call.
async fn end_with(mut left: Box<Response>, last: &Frame<Bytes>) {
    let failed = last.trailers_ref().and_then(grpc_failure);
    match failed {
        Some(code) => {
            left.break_off(format!("the answer ended with grpc-status {code}"))
                .await;
        }
        None => left.finish().await,
    }
}

/// Returns the `grpc-status` in headers or trailers if it is a failure of the server itself: unknown,
/// deadline exceeded, internal, unavailable.
pub(super) fn grpc_failure(headers: &http::HeaderMap) -> Option<u16> {
    let status = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    matches!(status, 2 | 4 | 13 | 14).then_some(status)
}

/// Takes over the body of a request.
pub(super) fn of_http<B>(body: B) -> crate::Body
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = http_body_util::BodyExt::map_err(body, std::io::Error::other);
    crate::Body::stream(http_body_util::BodyDataStream::new(body))
}
