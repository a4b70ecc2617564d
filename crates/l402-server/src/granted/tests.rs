use std::convert::Infallible;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use l402::{KeyNumber, KeyRing, MasterKey, Network, UnixTime};
use l402_host::{BoxFuture, Clock as _, ManualClock};

use super::Granted;
use crate::answer::ReservedUse;
use crate::ledger::{
    Lease, LeaseKeeper, Ledger, Reservation, ReserveError, ReserveRequest, Settle,
};
use crate::request::CanonicalRequest;
use crate::table::{Charge, Matched, Route, Snapshot};

/// A ledger that records each settlement.
#[derive(Debug, Default)]
struct Witness(Mutex<Vec<Settle>>, Option<Lease>);

impl Ledger for Witness {
    fn reserve(
        &self,
        _request: ReserveRequest,
    ) -> BoxFuture<'_, Result<Reservation, ReserveError>> {
        Box::pin(std::future::ready(Err(ReserveError::InUse)))
    }

    fn settle(&self, _reservation: Reservation, settle: Settle) {
        self.0.lock().unwrap().push(settle);
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn lease(&self) -> Option<Lease> {
        self.1.as_ref().map(Lease::current)
    }
}

impl Witness {
    fn settled(&self) -> Vec<Settle> {
        self.0.lock().unwrap().clone()
    }
}

fn granted(ledger: &Arc<Witness>) -> Granted {
    granted_to(ledger, Charge::Success, false, &[])
}

/// Returns the right of a request with these headers, on a gRPC route or another.
fn granted_to(
    ledger: &Arc<Witness>,
    charge: Charge,
    grpc: bool,
    headers: &[(&str, &str)],
) -> Granted {
    let mut route = Route::free("/");
    route.grpc = grpc;
    let builder = headers
        .iter()
        .fold(http::Request::get("/"), |b, (name, value)| {
            b.header(*name, *value)
        });
    let (parts, ()) = builder.body(()).unwrap().into_parts();
    let request = CanonicalRequest::from_parts(&parts, [0; 4].into()).unwrap();
    let reservation = Reservation::new(1, NonZeroU64::MIN);
    let reserved = ReservedUse::new(ledger.clone(), reservation, charge).under(ledger.lease());
    let matched = Matched {
        route: Arc::new(route),
        index: 0,
    };
    Granted::new(matched, &request, None, Some(reserved))
}

/// Returns the settlements of an answer: after its head, after this many frames, and after its body
/// is dropped then.
fn settled<B>(response: http::Response<B>, frames: usize) -> [Vec<Settle>; 3]
where
    B: Body<Data = Bytes> + Unpin,
{
    settled_for(granted, response, frames)
}

fn settled_for<B>(
    granted: impl Fn(&Arc<Witness>) -> Granted,
    response: http::Response<B>,
    frames: usize,
) -> [Vec<Settle>; 3]
where
    B: Body<Data = Bytes> + Unpin,
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

/// Returns the settlements of a gRPC answer after this many frames.
fn grpc_settled<B>(
    request: &[(&str, &str)],
    response: http::Response<B>,
    frames: usize,
) -> Vec<Settle>
where
    B: Body<Data = Bytes> + Unpin,
{
    let request = [&[GRPC], request].concat();
    let granted = |ledger: &Arc<Witness>| granted_to(ledger, Charge::Success, true, &request);
    let [_, sent, _] = settled_for(granted, response, frames);
    sent
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn answer<B>(status: u16, headers: &[(&str, &str)], body: B) -> http::Response<B> {
    let builder = http::Response::builder().status(status);
    let builder = headers
        .iter()
        .fold(builder, |b, (name, value)| b.header(*name, *value));
    builder.body(body).unwrap()
}

fn trailers(name: &'static str, value: &'static str) -> Frame<Bytes> {
    let mut map = HeaderMap::new();
    map.insert(name, http::HeaderValue::from_static(value));
    Frame::trailers(map)
}

/// A body of unknown length: data, then perhaps trailers.
fn stream(
    last: Option<(&'static str, &'static str)>,
) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
    let data = Frame::data(Bytes::from("abc"));
    let last = last.map(|(name, value)| trailers(name, value));
    let frames = [data].into_iter().chain(last);
    StreamBody::new(futures_util::stream::iter(frames.map(Ok)))
}

/// A body without a message, only trailers.
fn bare(status: &'static str) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
    let frame = Ok(trailers("grpc-status", status));
    StreamBody::new(futures_util::stream::iter([frame]))
}

/// A body that breaks off after some data.
fn breaking() -> impl Body<Data = Bytes, Error = &'static str> + Unpin {
    let frames = [Ok(Frame::data(Bytes::from("abc"))), Err("reset")];
    StreamBody::new(futures_util::stream::iter(frames))
}

const NOTHING: Vec<Settle> = Vec::new();

#[test]
fn the_head_settles_what_has_no_body_and_what_failed() {
    for (status, settle) in [
        (101, Settle::ONE_USE),
        (204, Settle::ONE_USE),
        (304, Settle::ReleaseBuyer),
        (400, Settle::ReleaseBuyer),
        (500, Settle::ReleaseUpstream),
    ] {
        let [head, _, end] = settled(answer(status, &[], stream(None)), 1);
        assert_eq!((head, end), (vec![settle], vec![settle]), "{status}");
    }
    let [head, ..] = settled(answer(200, &[], Empty::new()), 0);
    assert_eq!(head, [Settle::ONE_USE]);
}

#[test]
fn a_body_of_known_length_is_served_with_its_last_byte() {
    let [head, sent, end] = settled(answer(200, &[], Full::new(Bytes::from("abc"))), 1);
    assert_eq!(
        (head, sent, end),
        (NOTHING, vec![Settle::ONE_USE], vec![Settle::ONE_USE])
    );
    let declared = answer(200, &[("content-length", "3")], stream(None));
    assert_eq!(settled(declared, 1)[1], [Settle::ONE_USE]);
    let short = answer(200, &[("content-length", "4")], stream(None));
    assert_eq!(settled(short, 2)[1], [Settle::ReleaseUpstream]);
}

#[test]
fn a_body_of_unknown_length_is_served_at_its_end() {
    assert_eq!(settled(answer(302, &[], stream(None)), 1)[1], NOTHING);
    assert_eq!(
        settled(answer(302, &[], stream(None)), 2)[1],
        [Settle::ONE_USE]
    );
    let dropped = settled(answer(200, &[], stream(None)), 1);
    assert_eq!(dropped[2], [Settle::ReleaseBuyer], "the buyer left");
}

// FAULTS C7: the end of an event stream decides. Its end and the buyer leaving spend the use, the
// upstream's break gives it back; so it is with a declared length, and with one that is not reached.
#[test]
fn an_event_stream_is_settled_at_its_end() {
    const EVENTS: (&str, &str) = ("content-type", "Text/Event-Stream; charset=utf-8");
    let ended = settled(answer(200, &[EVENTS], stream(None)), 2);
    assert_eq!(
        ended,
        [NOTHING, vec![Settle::ONE_USE], vec![Settle::ONE_USE]]
    );
    for frames in [0, 1] {
        let [_, sent, left] = settled(answer(200, &[EVENTS], stream(None)), frames);
        assert_eq!((sent, left), (NOTHING, vec![Settle::ONE_USE]), "{frames}");
    }
    let broken = settled(answer(200, &[EVENTS], breaking()), 2);
    assert_eq!(broken[2], [Settle::ReleaseUpstream]);
    let short = answer(200, &[EVENTS, ("content-length", "4")], stream(None));
    assert_eq!(settled(short, 2)[2], [Settle::ReleaseUpstream]);
    let failed = settled(answer(503, &[EVENTS], breaking()), 0);
    assert_eq!(failed[0], [Settle::ReleaseUpstream]);
}

// FAULTS C6: a redirect that leads on inside the origin gives the use back, another one is the
// delivery. So it is with a method that may be repeated, and one that may not.
#[test]
fn a_redirect_that_stays_at_the_origin_is_given_back_like_a_404() {
    for (status, get, post) in [
        (301, Settle::ReleaseBuyer, Settle::ONE_USE),
        (302, Settle::ReleaseBuyer, Settle::ONE_USE),
        (303, Settle::ONE_USE, Settle::ONE_USE),
        (304, Settle::ReleaseBuyer, Settle::ReleaseBuyer),
        (307, Settle::ReleaseBuyer, Settle::ReleaseBuyer),
        (308, Settle::ReleaseBuyer, Settle::ReleaseBuyer),
    ] {
        for (method, settle) in [("GET", get), ("HEAD", get), ("POST", post)] {
            let asked = |ledger: &Arc<Witness>| asked_by(method, ledger);
            for location in ["/next", "http://shop.example/next"] {
                let redirect = answer(status, &[("location", location)], Empty::new());
                let [head, ..] = settled_for(asked, redirect, 0);
                assert_eq!(head, [settle], "{status} {method} {location}");
            }
            let signed = [("location", "https://files.example/a?signature=1")];
            let [head, ..] = settled_for(asked, answer(status, &signed, Empty::new()), 0);
            let elsewhere = if status == 304 {
                settle
            } else {
                Settle::ONE_USE
            };
            assert_eq!(head, [elsewhere], "{status} {method}");
        }
    }
    // No address, or two of them, leads nowhere in particular.
    let bare = answer(302, &[], Empty::new());
    assert_eq!(settled(bare, 0)[0], [Settle::ONE_USE]);
    let two = answer(302, &[("location", "/a"), ("location", "/b")], Empty::new());
    assert_eq!(settled(two, 0)[0], [Settle::ONE_USE]);
}

/// Returns the table of a seller who has named the host.
fn shop() -> Snapshot {
    let key =
        MasterKey::from_hex("5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58");
    let keys = KeyRing::new("test", KeyNumber(1), key.unwrap());
    let hosts = vec!["shop.example".to_owned()];
    Snapshot::new(vec![Route::free("/")], hosts, keys, Network::Regtest).unwrap()
}

/// Returns the right of a request with this method to `http://shop.example/`.
fn asked_by(method: &str, ledger: &Arc<Witness>) -> Granted {
    let request = http::Request::builder()
        .method(method)
        .header("host", "shop.example");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let request = CanonicalRequest::from_parts(&parts, [0; 4].into()).unwrap();
    let reserved = ReservedUse::new(
        ledger.clone(),
        Reservation::new(1, NonZeroU64::MIN),
        Charge::Success,
    );
    let matched = Matched {
        route: Arc::new(Route::free("/")),
        index: 0,
    };
    Granted::new(matched, &request, None, Some(reserved)).asked_at(&request, &shop())
}

#[test]
fn grpc_is_served_when_it_says_so() {
    for (status, settle, after_data) in [
        ("0", Settle::ONE_USE, Settle::ONE_USE),
        ("3", Settle::ReleaseBuyer, Settle::ReleaseBuyer),
        ("5", Settle::ReleaseBuyer, Settle::ReleaseBuyer),
        ("4", Settle::ReleaseUpstream, Settle::ReleaseBuyer),
        ("13", Settle::ReleaseUpstream, Settle::ReleaseBuyer),
        ("14", Settle::ReleaseUpstream, Settle::ReleaseBuyer),
        ("nonsense", Settle::ReleaseUpstream, Settle::ReleaseBuyer),
    ] {
        let data = answer(200, &[GRPC], stream(Some(("grpc-status", status))));
        assert_eq!(grpc_settled(&[], data, 2), [after_data], "{status}");
        let none = answer(200, &[GRPC], bare(status));
        assert_eq!(grpc_settled(&[], none, 1), [settle], "{status}");
        let trailers_only = answer(200, &[GRPC, ("grpc-status", status)], Empty::new());
        assert_eq!(grpc_settled(&[], trailers_only, 0), [settle], "{status}");
    }
    let nothing = answer(200, &[GRPC], Empty::new());
    assert_eq!(grpc_settled(&[], nothing, 0), [Settle::ReleaseUpstream]);
    let unfinished = answer(200, &[GRPC], stream(None));
    assert_eq!(grpc_settled(&[], unfinished, 1), NOTHING);
}

/// A buyer who could cause a failure after each message would read a stream for nothing.
#[test]
fn a_grpc_stream_that_fails_after_a_message_is_a_try_of_the_buyer() {
    let unfinished = answer(200, &[GRPC], stream(None));
    assert_eq!(grpc_settled(&[], unfinished, 2), [Settle::ReleaseBuyer]);
    let broken = answer(200, &[GRPC], breaking());
    assert_eq!(grpc_settled(&[], broken, 2), [Settle::ReleaseBuyer]);
}

#[test]
fn a_grpc_time_out_is_the_fault_of_who_has_set_it() {
    let timed = [("grpc-timeout", "1m")];
    let expired = || answer(200, &[GRPC, ("grpc-status", "4")], Empty::new());
    assert_eq!(grpc_settled(&timed, expired(), 0), [Settle::ReleaseBuyer]);
    assert_eq!(grpc_settled(&[], expired(), 0), [Settle::ReleaseUpstream]);
    let trailers = answer(200, &[GRPC], bare("4"));
    assert_eq!(grpc_settled(&timed, trailers, 1), [Settle::ReleaseBuyer]);
    let down = answer(200, &[GRPC, ("grpc-status", "14")], Empty::new());
    assert_eq!(grpc_settled(&timed, down, 0), [Settle::ReleaseUpstream]);
}

/// A caller may choose the content types of request and answer, so the route must be one for gRPC,
/// too, before `grpc-status` settles a use.
#[test]
fn an_answer_is_grpc_only_where_route_and_request_are() {
    for (route, request) in [(false, false), (false, true), (true, false)] {
        let headers = if request { &[GRPC][..] } else { &[] };
        let right = |ledger: &Arc<Witness>| granted_to(ledger, Charge::Success, route, headers);
        let failing = answer(200, &[GRPC], stream(Some(("grpc-status", "14"))));
        let [_, sent, _] = settled_for(right, failing, 2);
        assert_eq!(sent, [Settle::ONE_USE], "{route} {request}");
        let head = answer(200, &[GRPC, ("grpc-status", "14")], Empty::new());
        assert_eq!(settled_for(right, head, 0)[0], [Settle::ONE_USE]);
    }
}

#[test]
fn what_breaks_by_the_buyers_doing_is_not_the_upstreams_failure() {
    let upstream = settled(answer(200, &[], breaking()), 2);
    assert_eq!(upstream[1], [Settle::ReleaseUpstream]);
    let blamed = |ledger: &Arc<Witness>| {
        let granted = granted(ledger);
        granted.blame().buyer();
        granted
    };
    for (status, frames) in [(200, 2), (502, 0)] {
        let [_, sent, _] = settled_for(blamed, answer(status, &[], breaking()), frames);
        assert_eq!(sent, [Settle::ReleaseBuyer], "{status}");
    }
    let short = answer(200, &[("content-length", "4")], stream(None));
    assert_eq!(settled_for(blamed, short, 2)[1], [Settle::ReleaseBuyer]);
    let whole = answer(200, &[], stream(None));
    assert_eq!(settled_for(blamed, whole, 2)[1], [Settle::ONE_USE]);
}

/// The body of a request may break while its answer is under way.
#[test]
fn blame_is_heard_until_the_last_byte() {
    let ledger = Arc::new(Witness::default());
    let granted = granted(&ledger);
    let blame = granted.blame();
    let mut body = granted.settle(answer(200, &[], breaking())).into_body();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
    blame.buyer();
    assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
    assert_eq!(ledger.settled(), [Settle::ReleaseBuyer]);
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

/// Returns the only settlement of a right that ends by `end`.
fn ended(charge: Charge, end: impl FnOnce(Granted)) -> Settle {
    let ledger = Arc::new(Witness::default());
    end(granted_to(&ledger, charge, false, &[]));
    let settled = ledger.settled();
    assert_eq!(settled.len(), 1, "{settled:?}");
    settled[0]
}

fn upstream_failed(granted: Granted) {
    let _report = granted.upstream_failed();
}

fn buyer_failed(granted: Granted) {
    let _report = granted.buyer_failed();
}

fn panics(granted: Granted) {
    let panics = std::panic::AssertUnwindSafe(|| {
        let _granted = granted;
        panic!("the service behind");
    });
    std::panic::catch_unwind(panics).unwrap_err();
}

fn blamed(end: impl FnOnce(Granted)) -> impl FnOnce(Granted) {
    |granted| {
        granted.blame().buyer();
        end(granted);
    }
}

/// ATTACKS D-16.
#[test]
fn without_the_head_of_an_answer_the_use_is_given_back() {
    let success = |end: fn(Granted)| ended(Charge::Success, end);
    assert_eq!(success(drop), Settle::ReleaseUpstream);
    assert_eq!(success(panics), Settle::ReleaseUpstream);
    assert_eq!(success(upstream_failed), Settle::ReleaseUpstream);
    let not_forwarded = |granted: Granted| {
        let _report = granted.not_forwarded();
    };
    assert_eq!(success(not_forwarded), Settle::ReleaseUpstream);
    assert_eq!(success(buyer_failed), Settle::ReleaseBuyer);
}

#[test]
fn a_request_that_its_buyer_broke_is_a_try_of_the_buyer() {
    for charge in [Charge::Success, Charge::Request] {
        assert_eq!(ended(charge, blamed(drop)), Settle::ReleaseBuyer);
        let failed = blamed(upstream_failed);
        assert_eq!(ended(charge, failed), Settle::ReleaseBuyer);
    }
}

#[test]
fn a_charged_request_is_spent_but_for_answers_that_the_host_makes() {
    let request = |end: fn(Granted)| ended(Charge::Request, end);
    assert_eq!(request(drop), Settle::ONE_USE);
    assert_eq!(request(panics), Settle::ONE_USE);
    assert_eq!(request(upstream_failed), Settle::ReleaseUpstream);
    assert_eq!(request(buyer_failed), Settle::ReleaseBuyer);
    let answered = |granted: Granted| drop(granted.settle(answer(502, &[], stream(None))));
    assert_eq!(ended(Charge::Request, answered), Settle::ONE_USE);
}

#[test]
fn nothing_is_served_after_the_lease_and_nobody_is_to_blame() {
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1)));
    let keeper = LeaseKeeper::new(clock.clone());
    let until = || clock.monotonic() + std::time::Duration::from_secs(7);
    keeper.renew(until());
    let ledger = Arc::new(Witness(Mutex::default(), Some(keeper.lease())));
    let waiting = granted(&ledger);
    let mut body = granted(&ledger)
        .settle(answer(200, &[], stream(None)))
        .into_body();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(body.poll_lapsed(&mut cx).is_pending() && !waiting.has_lapsed());
    // The process was stopped, and the ledger is open under another number when the body is polled.
    keeper.end();
    keeper.renew(until());
    assert!(body.poll_lapsed(&mut cx).is_ready() && waiting.has_lapsed());
    assert_eq!(ledger.settled(), [Settle::ReleaseUpstream]);
    waiting.blame().buyer();
    drop((waiting, body));
    assert_eq!(ledger.settled(), [Settle::ReleaseUpstream; 2]);
}
