//! The body of an answer on its way to the program.
//!
//! A task of its own reads the answer, because hyper stops asking for a body once `Content-Length` bytes
//! are out, and a purchase counts as served only when the end of its answer was read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body::Frame;
use http_body_util::BodyExt as _;
use l402_client::Response;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::answer::{AnswerBody, empty};
use crate::text::output::tell;
use crate::text::plain::escape;

/// The most of a paid answer that is held, so that it can be kept if the program goes away: 1 MiB.
const BEGUN_MAX: usize = 1024 * 1024;

/// The longest wait for the end of an answer whose bytes are all there.
const END_TIME: Duration = Duration::from_secs(10);

/// Lives as long as somebody still reads an answer.
pub(super) type Alive = Sender<()>;

/// Returns the body of an answer, piece by piece as it comes. `has_body` is false if the program gets none
/// in any case, as for HEAD.
pub(super) async fn body(mut response: Response, has_body: bool, alive: Alive) -> AnswerBody {
    if !has_body {
        to_end(&mut response).await;
        return empty();
    }
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        let _alive = alive;
        pump(response, &sender).await;
    });
    Pumped(receiver).boxed_unsync()
}

/// Reads an answer to its end, which marks its purchase as served.
async fn to_end(response: &mut Response) {
    let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
    // Without its end, the purchase stays paid: the next call presents its credential again.
    let _ = tokio::time::timeout(END_TIME, rest).await;
}

async fn pump(mut response: Response, sender: &Sender<io::Result<Bytes>>) {
    let length = response.headers().get(CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut begun = response.receipt().is_some().then(Vec::new);
    let mut sent: u64 = 0;
    loop {
        let piece = tokio::select! {
            piece = response.chunk() => piece,
            () = sender.closed() => return left(response, begun, length == Some(sent)).await,
        };
        match piece {
            Ok(None) => return,
            Ok(Some(piece)) => {
                sent += piece.len() as u64;
                begun = begun
                    .filter(|held| held.len() + piece.len() <= BEGUN_MAX)
                    .map(|held| [&held[..], &piece[..]].concat());
                if sender.send(Ok(piece)).await.is_err() {
                    return left(response, begun, false).await;
                }
            }
            Err(error) => {
                tell(&format!(
                    "error[{}]: {}",
                    error.code(),
                    escape(&error.to_string())
                ));
                // The program must not take the part that it has for the whole.
                let _ = sender.send(Err(io::Error::other("broken off"))).await;
                return;
            }
        }
    }
}

/// Ends an answer that nobody takes any more: the program has all of it, or has gone away.
async fn left(mut response: Response, begun: Option<Vec<u8>>, is_whole: bool) {
    if is_whole {
        to_end(&mut response).await;
    } else if let Some(begun) = begun {
        // Paid for: the same request again gets it, and pays nothing.
        response.keep_rest(begun).await;
    }
}

/// The program's end of the pump.
struct Pumped(Receiver<io::Result<Bytes>>);

impl http_body::Body for Pumped {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = self.0.poll_recv(cx);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
