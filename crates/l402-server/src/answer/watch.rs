//! The watch over an answer: its head, frames and end settle the use.

use bytes::Buf;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{StatusCode, response};
use http_body::{Body, Frame};

use super::{ReservedUse, is_event_stream};
use crate::ledger::Settle;
use crate::request::is_grpc;

/// The properties of a request that decide how its answer is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestKind {
    /// HEAD: no body will follow.
    pub(crate) head: bool,
    /// gRPC, on a route that is said to be. The answer alone does not decide that: callers can
    /// choose its content type at many an upstream.
    pub(crate) grpc: bool,
    /// The request came with a `grpc-timeout`.
    pub(crate) timed: bool,
}

/// The use of an answer that has not been settled by its head, and the rest that settles it.
#[derive(Debug)]
pub(crate) struct Watch {
    reserved: ReservedUse,
    grpc: Option<Grpc>,
    /// How many bytes are still to come, where that is known. A server that has sent as many as
    /// were declared may never ask for the end.
    left: Option<u64>,
}

/// gRPC says in its trailers whether it worked.
#[derive(Clone, Copy, Debug)]
struct Grpc {
    timed: bool,
    /// Whether something of a message has gone out.
    begun: bool,
}

impl Watch {
    /// What the head of an answer settles, or the rest of the work.
    pub(crate) fn of_answer<B: Body>(
        reserved: ReservedUse,
        parts: &response::Parts,
        body: &B,
        kind: RequestKind,
    ) -> Option<Self> {
        let grpc = Grpc::of_answer(parts, kind);
        let left = body
            .size_hint()
            .exact()
            .or_else(|| declared(&parts.headers));
        let status = parts.status;
        let empty = kind.head
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || left == Some(0)
            || body.is_end_stream();
        let settle = match (status, grpc) {
            (status, _) if status.is_client_error() => Settle::ReleaseBuyer,
            (status, _) if status.is_server_error() => Settle::ReleaseUpstream,
            (_, Some(grpc)) if empty || parts.headers.contains_key("grpc-status") => {
                grpc.settle(&parts.headers)
            }
            (StatusCode::SWITCHING_PROTOCOLS, _) => Settle::ONE_USE,
            _ if empty || is_event_stream(&parts.headers) => Settle::ONE_USE,
            _ => {
                return Some(Self {
                    reserved,
                    grpc,
                    left,
                });
            }
        };
        reserved.settle(settle);
        None
    }

    /// Settles the use.
    pub(super) fn settle(self, settle: Settle) {
        self.reserved.settle(settle);
    }

    /// What a frame of the body settles.
    pub(super) fn after<D: Buf>(&mut self, frame: &Frame<D>, ended: bool) -> Option<Settle> {
        if let Some(trailers) = frame.trailers_ref() {
            let settle = self.grpc.map(|grpc| grpc.settle(trailers));
            return Some(settle.unwrap_or_else(|| self.end()));
        }
        let sent = frame.data_ref().map_or(0, Buf::remaining) as u64;
        self.left = self.left.map(|left| left.saturating_sub(sent));
        if let Some(grpc) = &mut self.grpc {
            grpc.begun |= sent > 0;
        }
        let complete = self.grpc.is_none() && self.left == Some(0);
        (complete || ended).then(|| self.end())
    }

    /// What the end of the body settles: gRPC without its status, and fewer bytes than declared,
    /// are broken answers.
    pub(super) fn end(&self) -> Settle {
        if self.grpc.is_some() || self.left.is_some_and(|left| left > 0) {
            self.broken()
        } else {
            Settle::ONE_USE
        }
    }

    pub(super) fn broken(&self) -> Settle {
        self.grpc.map_or(Settle::ReleaseUpstream, Grpc::failed)
    }
}

impl Grpc {
    fn of_answer(parts: &response::Parts, kind: RequestKind) -> Option<Self> {
        let answers = parts.status == StatusCode::OK && is_grpc(&parts.headers);
        (kind.grpc && answers).then_some(Self {
            timed: kind.timed,
            begun: false,
        })
    }

    /// Whose fault a `grpc-status` is: what the caller kind for wrongly, or the rest.
    fn settle(self, headers: &HeaderMap) -> Settle {
        match headers.get("grpc-status").map(http::HeaderValue::as_bytes) {
            Some(b"0") => Settle::ONE_USE,
            Some(b"1" | b"3" | b"5" | b"6" | b"7" | b"9" | b"11" | b"12" | b"16") => {
                Settle::ReleaseBuyer
            }
            Some(b"4") if self.timed => Settle::ReleaseBuyer,
            _ => self.failed(),
        }
    }

    /// Whose fault the rest is. Who has a message already must not get the next one for nothing
    /// for ever: streams break off for many reasons that a caller can bring about.
    fn failed(self) -> Settle {
        if self.begun {
            Settle::ReleaseBuyer
        } else {
            Settle::ReleaseUpstream
        }
    }
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
