//! A body that settles a use at its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use http::{StatusCode, response};
use http_body::{Body, Frame, SizeHint};

use crate::granted::Settlement;
use crate::ledger::Settle;
use crate::{request, seal};

/// Passes `B` through unchanged; its end commits, its error or drop releases. In trailers, as in
/// headers, an upstream's own payment challenges are left out.
#[derive(Debug)]
pub struct SettleBody<B> {
    inner: B,
    watch: Option<Watch>,
}

/// What is still to be seen of an answer before its use is spent.
#[derive(Debug)]
pub(crate) struct Watch {
    settlement: Settlement,
    /// gRPC says in its trailers whether it worked.
    grpc: bool,
    /// How many bytes are still to come, where that is known. A server that has sent as many as
    /// were declared may never ask for the end.
    left: Option<u64>,
}

impl Watch {
    /// What the head of an answer settles, or the rest of the work.
    pub(crate) fn of_answer<B: Body>(
        settlement: Settlement,
        parts: &response::Parts,
        body: &B,
        head: bool,
    ) -> Option<Self> {
        let grpc = parts.status == StatusCode::OK && request::is_grpc(&parts.headers);
        let left = body
            .size_hint()
            .exact()
            .or_else(|| declared(&parts.headers));
        let empty =
            head || matches!(
                parts.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            ) || left == Some(0)
                || body.is_end_stream();
        let settle = match parts.status {
            status if status.is_client_error() => Settle::ReleaseBuyer,
            status if status.is_server_error() => Settle::ReleaseUpstream,
            _ if grpc && parts.headers.contains_key("grpc-status") => of_grpc(&parts.headers),
            _ if grpc && empty => Settle::ReleaseUpstream,
            StatusCode::SWITCHING_PROTOCOLS => Settle::Commit,
            _ if empty || is_event_stream(&parts.headers) => Settle::Commit,
            _ => {
                return Some(Self {
                    settlement,
                    grpc,
                    left,
                });
            }
        };
        settlement.settle(settle);
        None
    }

    /// What a frame of the body settles.
    fn after<D: Buf>(&mut self, frame: &Frame<D>, ended: bool) -> Option<Settle> {
        if let Some(trailers) = frame.trailers_ref() {
            return Some(if self.grpc {
                of_grpc(trailers)
            } else {
                self.end()
            });
        }
        let sent = frame.data_ref().map_or(0, Buf::remaining) as u64;
        self.left = self.left.map(|left| left.saturating_sub(sent));
        let complete = !self.grpc && self.left == Some(0);
        (complete || ended).then(|| self.end())
    }

    /// What the end of the body settles: gRPC without its status, and fewer bytes than declared,
    /// are broken answers.
    fn end(&self) -> Settle {
        let broken = self.grpc || self.left.is_some_and(|left| left > 0);
        if broken {
            Settle::ReleaseUpstream
        } else {
            Settle::Commit
        }
    }
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    media.trim().eq_ignore_ascii_case("text/event-stream")
}

/// Whose fault a `grpc-status` is: what the caller asked for wrongly, or the rest.
fn of_grpc(headers: &HeaderMap) -> Settle {
    match headers.get("grpc-status").map(http::HeaderValue::as_bytes) {
        Some(b"0") => Settle::Commit,
        Some(b"1" | b"3" | b"5" | b"6" | b"7" | b"9" | b"11" | b"12" | b"16") => {
            Settle::ReleaseBuyer
        }
        _ => Settle::ReleaseUpstream,
    }
}

impl<B> SettleBody<B> {
    pub(crate) fn new(inner: B, watch: Option<Watch>) -> Self {
        Self { inner, watch }
    }

    fn settle(&mut self, settle: Option<Settle>) {
        if let Some(settle) = settle
            && let Some(watch) = self.watch.take()
        {
            watch.settlement.settle(settle);
        }
    }
}

impl<B: Body + Unpin> Body for SettleBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        let mut frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        let ended = this.inner.is_end_stream();
        let settle = match (&mut frame, &mut this.watch) {
            (Some(Ok(frame)), Some(watch)) => watch.after(frame, ended),
            (Some(Err(_)), _) => Some(Settle::ReleaseUpstream),
            (None, Some(watch)) => Some(watch.end()),
            _ => None,
        };
        this.settle(settle);
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            seal::strip(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use bytes::Bytes;
    use http_body_util::{BodyExt, Empty, Full, StreamBody};
    use l402_lightning::BoxFuture;

    use super::*;
    use crate::ledger::{Claim, Ledger, Reservation, ReserveError};
    use crate::{Charge, Granted};

    /// Remembers what was settled.
    #[derive(Debug, Default)]
    struct Witness(Mutex<Vec<Settle>>);

    impl Ledger for Witness {
        fn reserve(&self, _claim: Claim) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
            Box::pin(std::future::ready(Err(ReserveError::InUse)))
        }

        fn settle(&self, _reservation: Reservation, settle: Settle) {
            self.0.lock().unwrap().push(settle);
        }

        fn flush(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    impl Witness {
        fn settled(&self) -> Vec<Settle> {
            self.0.lock().unwrap().clone()
        }
    }

    fn granted(ledger: &Arc<Witness>) -> Granted {
        let route = Arc::new(crate::Route::free("/"));
        let (parts, ()) = http::Request::get("/").body(()).unwrap().into_parts();
        let request = crate::CanonicalRequest::from_parts(&parts, [0; 4].into()).unwrap();
        let reservation = Reservation { id: 1, failures: 0 };
        let ledger: Arc<dyn Ledger> = ledger.clone();
        let settlement = Settlement::new(ledger, reservation, Charge::Success);
        Granted::new(
            crate::Matched { route, index: 0 },
            &request,
            None,
            Some(settlement),
        )
    }

    /// What an answer settles: at its head, after so many frames, and when it is dropped then.
    fn settled<B>(response: http::Response<B>, frames: usize) -> [Vec<Settle>; 3]
    where
        B: Body<Data = Bytes, Error = Infallible> + Unpin,
    {
        let ledger = Arc::new(Witness::default());
        let mut body = granted(&ledger).settle(response).into_body();
        let head = ledger.settled();
        for _ in 0..frames {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        }
        let sent = ledger.settled();
        drop(body);
        [head, sent, ledger.settled()]
    }

    fn answer<B>(status: u16, headers: &[(&str, &str)], body: B) -> http::Response<B> {
        let builder = http::Response::builder().status(status);
        let builder = headers
            .iter()
            .fold(builder, |b, (name, value)| b.header(*name, *value));
        builder.body(body).unwrap()
    }

    /// A body of unknown length: data, then perhaps trailers.
    fn stream(
        trailers: Option<(&'static str, &'static str)>,
    ) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let data = Ok::<_, Infallible>(Frame::data(Bytes::from("abc")));
        let trailers = trailers.map(|(name, value)| {
            let mut map = HeaderMap::new();
            map.insert(name, http::HeaderValue::from_static(value));
            Ok(Frame::trailers(map))
        });
        StreamBody::new(futures_util::stream::iter(
            [data].into_iter().chain(trailers),
        ))
    }

    const NOTHING: Vec<Settle> = Vec::new();

    #[test]
    fn the_head_settles_what_has_no_body_and_what_failed() {
        for (status, settle) in [
            (101, Settle::Commit),
            (204, Settle::Commit),
            (304, Settle::Commit),
            (400, Settle::ReleaseBuyer),
            (500, Settle::ReleaseUpstream),
        ] {
            let [head, _, end] = settled(answer(status, &[], stream(None)), 1);
            assert_eq!((head, end), (vec![settle], vec![settle]), "{status}");
        }
        let [head, ..] = settled(answer(200, &[], Empty::new()), 0);
        assert_eq!(head, [Settle::Commit]);
    }

    #[test]
    fn a_body_of_known_length_is_served_with_its_last_byte() {
        let [head, sent, end] = settled(answer(200, &[], Full::new(Bytes::from("abc"))), 1);
        assert_eq!(
            (head, sent, end),
            (NOTHING, vec![Settle::Commit], vec![Settle::Commit])
        );
        let declared = answer(200, &[("content-length", "3")], stream(None));
        assert_eq!(settled(declared, 1)[1], [Settle::Commit]);
        let short = answer(200, &[("content-length", "4")], stream(None));
        assert_eq!(settled(short, 2)[1], [Settle::ReleaseUpstream]);
    }

    #[test]
    fn a_body_of_unknown_length_is_served_at_its_end() {
        assert_eq!(settled(answer(302, &[], stream(None)), 1)[1], NOTHING);
        assert_eq!(
            settled(answer(302, &[], stream(None)), 2)[1],
            [Settle::Commit]
        );
        let dropped = settled(answer(200, &[], stream(None)), 1);
        assert_eq!(dropped[2], [Settle::ReleaseBuyer], "the buyer left");
        let events = answer(
            200,
            &[("content-type", "Text/Event-Stream; charset=utf-8")],
            stream(None),
        );
        assert_eq!(settled(events, 0)[0], [Settle::Commit]);
    }

    #[test]
    fn grpc_is_served_when_it_says_so() {
        let grpc = ("content-type", "application/grpc");
        for (status, settle) in [
            ("0", Settle::Commit),
            ("3", Settle::ReleaseBuyer),
            ("5", Settle::ReleaseBuyer),
            ("4", Settle::ReleaseUpstream),
            ("13", Settle::ReleaseUpstream),
            ("14", Settle::ReleaseUpstream),
            ("nonsense", Settle::ReleaseUpstream),
        ] {
            let [head, sent, _] = settled(
                answer(200, &[grpc], stream(Some(("grpc-status", status)))),
                2,
            );
            assert_eq!((head, sent), (NOTHING, vec![settle]), "{status}");
            let trailers_only = answer(200, &[grpc, ("grpc-status", status)], Empty::new());
            assert_eq!(settled(trailers_only, 0)[0], [settle], "{status}");
        }
        assert_eq!(
            settled(answer(200, &[grpc], stream(None)), 2)[1],
            [Settle::ReleaseUpstream]
        );
        assert_eq!(
            settled(answer(200, &[grpc], Empty::new()), 0)[0],
            [Settle::ReleaseUpstream]
        );
    }

    #[test]
    fn trailers_lose_payment_challenges() {
        let challenge = "L402 macaroon=\"m\", invoice=\"i\"";
        let response = answer(200, &[], stream(Some(("www-authenticate", challenge))));
        let body = granted(&Arc::default()).settle(response).into_body();
        let mut collected = std::pin::pin!(body.collect());
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(collected)) = collected.as_mut().poll(&mut cx) else {
            panic!("all is there");
        };
        assert!(collected.trailers().is_some_and(HeaderMap::is_empty));
    }

    #[test]
    fn a_right_that_is_not_used_gives_the_use_back() {
        let ledger = Arc::new(Witness::default());
        drop(granted(&ledger));
        granted(&ledger).upstream_failed();
        let panics = std::panic::AssertUnwindSafe(|| {
            let _granted = granted(&ledger);
            panic!("the service behind");
        });
        std::panic::catch_unwind(panics).unwrap_err();
        let expected = [
            Settle::ReleaseBuyer,
            Settle::ReleaseUpstream,
            Settle::ReleaseUpstream,
        ];
        assert_eq!(ledger.settled(), expected);
    }
}
