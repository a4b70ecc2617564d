//! An answer whose body was looked at, with the body put back.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use reqwest::ResponseBuilderExt;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// A body of which some pieces were read already: those come first.
struct Replay {
    held: VecDeque<Bytes>,
    rest: Rest,
}

/// The part of a body behind the pieces that were read.
enum Rest {
    Broken(Option<reqwest::Error>),
    End,
    Unread(reqwest::Body),
}

/// Reads the body of an answer if it is not longer than `max` bytes. Returns the answer as it came,
/// and the body, `None` if it is longer, breaks off or does not arrive within `time`.
pub(super) async fn peek(
    answer: reqwest::Response,
    max: usize,
    time: Duration,
) -> (reqwest::Response, Option<Vec<u8>>) {
    let url = answer.url().clone();
    let (parts, mut body) = http::Response::<reqwest::Body>::from(answer).into_parts();
    let deadline = Instant::now() + time;
    let (mut held, mut read) = (VecDeque::new(), Some(Vec::new()));
    let rest = loop {
        let next = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let Ok(frame) = timeout_at(deadline, next).await else {
            read = None;
            break Rest::Unread(body);
        };
        let piece = match frame {
            None => break Rest::End,
            Some(Err(error)) => {
                read = None;
                break Rest::Broken(Some(error));
            }
            // Trailers are of no use to anybody here.
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        held.push_back(piece.clone());
        let Some(bytes) = read.as_mut().filter(|it| it.len() + piece.len() <= max) else {
            read = None;
            break Rest::Unread(body);
        };
        bytes.extend_from_slice(&piece);
    };
    let body = reqwest::Body::wrap(Replay { held, rest });
    (response(parts, body, url), read)
}

/// Returns an answer of these parts that came from `url`.
pub(crate) fn response(
    parts: http::response::Parts,
    body: reqwest::Body,
    url: Url,
) -> reqwest::Response {
    // The way to tell the address leads through a builder, whose parts are then replaced.
    let mut marked = http::Response::builder()
        .url(url)
        .body(body)
        .unwrap_or_else(|_| http::Response::new(reqwest::Body::default()));
    *marked.status_mut() = parts.status;
    *marked.version_mut() = parts.version;
    *marked.headers_mut() = parts.headers;
    marked.into()
}

impl Body for Replay {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        if let Some(piece) = self.held.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match &mut self.rest {
            Rest::End => Poll::Ready(None),
            Rest::Broken(error) => Poll::Ready(error.take().map(Err)),
            Rest::Unread(body) => Pin::new(body).poll_frame(cx),
        }
    }
}
