//! The body of an answer on its way to the program.
//!
//! A task of its own reads the answer, because hyper stops asking for a body once `Content-Length` bytes
//! are out, and a purchase counts as served only when the end of its answer was read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
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

/// The most of a paid answer that is held, so that it can be kept if the program goes away: 16 MiB, as
/// much as is kept.
const BEGUN_MAX: usize = 16 * 1024 * 1024;

/// The longest piece that is handed on at once, in bytes.
const PIECE: usize = 16 * 1024;

/// The longest wait for the end of an answer whose bytes are all there.
const END_TIME: Duration = Duration::from_secs(10);

/// The longest wait for the next piece of a paid answer that nobody takes any more.
const REST_TIME: Duration = Duration::from_secs(60);

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
    let taken = Arc::new(AtomicU64::new(0));
    let body = Pumped {
        pieces: receiver,
        taken: Arc::clone(&taken),
    };
    tokio::spawn(async move {
        let _alive = alive;
        pump(response, &sender, &taken).await;
    });
    body.boxed_unsync()
}

/// Reads an answer to its end, which marks its purchase as served.
async fn to_end(response: &mut Response) {
    let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
    // Without its end, the purchase stays paid: the next call presents its credential again.
    let _ = tokio::time::timeout(END_TIME, rest).await;
}

async fn pump(mut response: Response, sender: &Sender<io::Result<Bytes>>, taken: &AtomicU64) {
    let length = response.headers().get(CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let is_whole = || length == Some(taken.load(Ordering::Acquire));
    let is_paid = response.receipt().is_some();
    let mut begun = is_paid.then(Vec::new);
    // The end is asked for once the last piece was taken, and not before: it marks the purchase.
    while sender.reserve().await.is_ok() {
        let time = match &begun {
            // Nothing is kept of it, and nothing is marked.
            None if !is_paid && !is_whole() => Duration::ZERO,
            Some(_) if !is_whole() => REST_TIME,
            _ => END_TIME,
        };
        let (piece, is_left) = match next(&mut response, sender, time).await {
            Next::Piece(piece, is_left) => (piece, is_left),
            Next::End => return,
        };
        begun = add(begun, &piece);
        if is_left || !hand_on(piece, sender).await {
            break;
        }
    }
    left(response, begun, is_whole()).await;
}

/// Hands a piece on in small ones, so that one which comes whole, as a kept answer does, is not taken
/// for had before most of it is out. Returns false if nobody takes it.
async fn hand_on(mut piece: Bytes, sender: &Sender<io::Result<Bytes>>) -> bool {
    while !piece.is_empty() {
        let small = piece.split_to(piece.len().min(PIECE));
        if sender.send(Ok(small)).await.is_err() {
            return false;
        }
    }
    true
}

/// What came of asking for the next piece.
enum Next {
    /// A piece. True if nobody takes it any more.
    Piece(Bytes, bool),
    /// There is no more, or it did not come.
    End,
}

/// Reads the next piece, also if the program goes away meanwhile: a read that is given up halfway may
/// lose its piece, or leave the purchase half marked. Then it has this time to end.
async fn next(response: &mut Response, sender: &Sender<io::Result<Bytes>>, time: Duration) -> Next {
    let mut next = std::pin::pin!(response.chunk());
    let (piece, is_left) = tokio::select! {
        piece = &mut next => (piece, false),
        () = sender.closed() => match tokio::time::timeout(time, next).await {
            Ok(piece) => (piece, true),
            // What was read of it may be lost, so the rest is not kept: the credential stays.
            Err(_) => return Next::End,
        },
    };
    match piece {
        Ok(Some(piece)) => Next::Piece(piece, is_left),
        Ok(None) => Next::End,
        Err(error) => {
            let text = escape(&error.to_string());
            tell(&format!("error[{}]: {text}", error.code()));
            // The program must not take the part that it has for the whole.
            let _ = sender.send(Err(io::Error::other("broken off"))).await;
            Next::End
        }
    }
}

/// Adds a piece to what is held of an answer, unless that is too much.
fn add(begun: Option<Vec<u8>>, piece: &[u8]) -> Option<Vec<u8>> {
    let mut held = begun.filter(|held| held.len() + piece.len() <= BEGUN_MAX)?;
    held.extend_from_slice(piece);
    Some(held)
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
struct Pumped {
    pieces: Receiver<io::Result<Bytes>>,
    /// The bytes that were taken out.
    taken: Arc<AtomicU64>,
}

impl http_body::Body for Pumped {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(self.pieces.poll_recv(cx));
        if let Some(Ok(piece)) = &piece {
            self.taken.fetch_add(piece.len() as u64, Ordering::Release);
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_held_as_can_be_kept() {
        let held = add(Some(vec![1; BEGUN_MAX - 2]), &[2, 3]).unwrap();
        assert_eq!(held.len(), 16 * 1024 * 1024);
        assert_eq!(held[BEGUN_MAX - 3..], [1, 2, 3]);
        assert_eq!(add(Some(held), &[4]), None);
        assert_eq!(add(None, &[4]), None);
    }
}
