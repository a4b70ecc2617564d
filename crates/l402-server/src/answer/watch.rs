//! The watch over an answer: its head, frames and end settle the use.
//!
//! ```text
//!   head -- no body, 101 ------------------------------------> commit
//!     |---- 4xx, 5xx, a redirect that stays at the origin -----> release
//!     |
//!     '-- body follows --> frames -- as many bytes as declared --> commit
//!                            |------ end, and none are missing --> commit
//!                            |------ trailers of gRPC -----------> by grpc-status
//!                            '------ error, too few bytes -------> release
//! ```
//!
//! A buyer who leaves drops the body. That releases, but commits if the answer is an event stream.

use std::task::{Context, Poll};

use bytes::Buf;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{StatusCode, response};
use http_body::{Body, Frame};

use super::redirect::{Origin, leads_on};
use super::stall::Stall;
use super::{ReservedUse, UseState, is_event_stream};
use crate::ledger::Settle;
use crate::request::is_grpc;

/// The properties of a request that decide how its answer is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestKind {
    /// True for HEAD: no body will follow.
    pub(crate) head: bool,
    /// True if the request is gRPC and the route is one for gRPC. The answer alone does not decide
    /// it: at many upstreams a caller can choose the content type of an answer.
    pub(crate) grpc: bool,
    /// True for GET and HEAD.
    pub(crate) safe: bool,
    /// True if the request has a `grpc-timeout`.
    pub(crate) timed: bool,
}

/// A use that was not settled by the head of its answer, and the state of the body that will
/// settle it.
#[derive(Debug)]
pub(crate) struct Watch {
    reserved: ReservedUse,
    grpc: Option<Grpc>,
    /// The bytes that are still to come, if the length is known. A server that has sent as many as
    /// were declared may never poll for the end.
    left: Option<u64>,
    /// The bytes that have passed.
    passed: u64,
    stall: Stall,
}

/// The state of a gRPC answer, whose trailers tell if the call has worked.
#[derive(Clone, Copy, Debug)]
struct Grpc {
    timed: bool,
    /// True if a part of a message has been sent.
    message_sent: bool,
}

impl Watch {
    /// Settles the use by the head of an answer, or returns the watch over its body. `origin` is the
    /// one that the request was for, if it is known.
    ///
    /// # Errors
    /// What has become of the use, if the head has settled it.
    pub(crate) fn of_answer<B: Body>(
        mut reserved: ReservedUse,
        parts: &response::Parts,
        body: &B,
        kind: RequestKind,
        origin: Option<&Origin>,
    ) -> Result<Self, UseState> {
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
        // Errors first: a 5xx without a body, or one that announces an event stream, is not
        // charged.
        let settle = match (status, grpc) {
            (status, _) if status.is_client_error() => Settle::ReleaseBuyer,
            (status, _) if status.is_server_error() => Settle::ReleaseUpstream,
            (_, Some(grpc)) if empty || parts.headers.contains_key("grpc-status") => {
                grpc.settle(&parts.headers)
            }
            // A tunnel has no end by which to tell if it went well, so its beginning is sold.
            (StatusCode::SWITCHING_PROTOCOLS, _) => Settle::ONE_USE,
            // Bounded like a 4xx: the buyer chose what to ask for.
            (_, None) if leads_on((status, &parts.headers), kind.safe, origin) => {
                Settle::ReleaseBuyer
            }
            _ if empty => Settle::ONE_USE,
            _ => {
                // An event stream ends when its reader hangs up: if that gave the use back, it
                // would always be free.
                if is_event_stream(&parts.headers) {
                    reserved.spend_if_dropped();
                }
                reserved.measured(Some(0));
                return Ok(Self {
                    reserved,
                    grpc,
                    left,
                    passed: 0,
                    stall: Stall::default(),
                });
            }
        };
        // No body follows, or nobody counts the bytes of the one that does.
        reserved.measured(if empty { Some(0) } else { left });
        Err(reserved.settle(settle))
    }

    /// Returns true if the end of the body decides on a use, and is not only observed.
    pub(crate) fn decides(&self) -> bool {
        self.reserved.is_counted()
    }

    /// Returns ready once the use may no longer be served.
    pub(super) fn poll_lapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reserved.poll_lapsed(cx)
    }

    /// Settles the use.
    pub(super) fn settle(self, settle: Settle) {
        self.reserved.settle(settle);
    }

    pub(super) fn stall(&self) -> &Stall {
        &self.stall
    }

    pub(super) fn stall_mut(&mut self) -> &mut Stall {
        &mut self.stall
    }

    /// Returns how the use is settled if this frame is the last one. `ended` is true if the body
    /// says that no frame follows.
    pub(super) fn after_frame<D: Buf>(&mut self, frame: &Frame<D>, ended: bool) -> Option<Settle> {
        if let Some(trailers) = frame.trailers_ref() {
            let settle = self.grpc.map(|grpc| grpc.settle(trailers));
            return Some(settle.unwrap_or_else(|| self.end()));
        }
        let sent = frame.data_ref().map_or(0, Buf::remaining) as u64;
        self.left = self.left.map(|left| left.saturating_sub(sent));
        self.passed = self.passed.saturating_add(sent);
        // With each frame, since the body may be dropped after any.
        self.reserved.measured(Some(self.passed));
        if let Some(grpc) = &mut self.grpc {
            grpc.message_sent |= sent > 0;
        }
        // gRPC is complete with its trailers, never by the number of bytes.
        let complete = self.grpc.is_none() && self.left == Some(0);
        (complete || ended).then(|| self.end())
    }

    /// Returns how the use is settled at the end of the body. An answer is broken if gRPC sends no
    /// status, or if bytes are missing.
    pub(super) fn end(&self) -> Settle {
        if self.grpc.is_some() || self.left.is_some_and(|left| left > 0) {
            self.broken()
        } else {
            Settle::ONE_USE
        }
    }

    /// Returns how the use is settled if the answer breaks off.
    pub(super) fn broken(&self) -> Settle {
        // The upstream's time-out may be what the buyer has waited for.
        if self.stall.is_buyers() {
            return Settle::ReleaseBuyer;
        }
        self.grpc.map_or(Settle::ReleaseUpstream, Grpc::failed)
    }
}

impl Grpc {
    fn of_answer(parts: &response::Parts, kind: RequestKind) -> Option<Self> {
        let answers = parts.status == StatusCode::OK && is_grpc(&parts.headers);
        (kind.grpc && answers).then_some(Self {
            timed: kind.timed,
            message_sent: false,
        })
    }

    /// Returns how a `grpc-status` settles the use: 0 commits, and codes for a bad request count as
    /// a 4xx.
    fn settle(self, headers: &HeaderMap) -> Settle {
        match headers.get("grpc-status").map(http::HeaderValue::as_bytes) {
            Some(b"0") => Settle::ONE_USE,
            // CANCELLED, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED,
            // FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED: as a 4xx.
            Some(b"1" | b"3" | b"5" | b"6" | b"7" | b"9" | b"11" | b"12" | b"16") => {
                Settle::ReleaseBuyer
            }
            // DEADLINE_EXCEEDED: a buyer could set a time that no upstream can keep.
            Some(b"4") if self.timed => Settle::ReleaseBuyer,
            _ => self.failed(),
        }
    }

    /// Returns how a failed call settles the use: as the buyer's fault if a part of the answer has
    /// reached the buyer.
    fn failed(self) -> Settle {
        // A caller can make a stream break off in many ways. If each break were the upstream's
        // fault, a buyer could read message after message for one payment.
        if self.message_sent {
            Settle::ReleaseBuyer
        } else {
            Settle::ReleaseUpstream
        }
    }
}

/// Returns the length that the headers declare.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
