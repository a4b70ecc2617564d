//! The requests that wait or have left, and the events that answer them.

use core::time::Duration;
use std::collections::VecDeque;

use nostr::{ClientMessage, Event, EventId};
use tokio::time::Instant;

use super::task::Link;
use crate::ErrorKind;
use crate::backend::nwc::client::{Call, Failure, Order, garbled, later, plain};
use crate::backend::nwc::socket::Socket;
use crate::backend::nwc::wire::{
    Addressed, Encryption, EventError, Info, Notification, kind, new_request, open_notification,
    open_response,
};

/// The number of requests without an answer. More are refused.
const MAX_SENT: usize = 256;

/// A request that has left, and the one who waits for its answer.
pub(super) struct Sent {
    call: Call,
    event: Event,
    encryption: Encryption,
}

impl Link {
    /// Reads an event. One that is not the wallet's, or not for us, or answers nothing that was
    /// asked, changes nothing.
    pub(super) fn read(&mut self, event: &Event) -> Result<(), EventError> {
        let (keys, wallet) = (&self.connection.keys, &self.connection.wallet);
        match event.kind.as_u16() {
            kind::INFO => {
                let info = Info::read(event, wallet)?;
                // A relay may repeat an old one, by which the wallet could do less, or more.
                if self
                    .info
                    .as_ref()
                    .is_none_or(|(at, _)| *at <= event.created_at)
                {
                    self.info = Some((event.created_at, info));
                }
            }
            kind::RESPONSE => {
                let asked = event.tags.event_ids().next().copied();
                let Some(sent) = asked.and_then(|id| self.sent.get(&id)) else {
                    return Ok(());
                };
                let answer = match open_response(keys, wallet, sent.encryption, event) {
                    Ok((id, response)) if id == sent.event.id => Ok(response),
                    // Signed by the wallet, for us, and yet of no use: there will be no other.
                    Err(EventError::Payload | EventError::Encryption) => {
                        let text = garbled("its content");
                        Err(Failure::unanswered(ErrorKind::Protocol, text))
                    }
                    Ok(_) => return Err(EventError::RequestId),
                    Err(error) => return Err(error),
                };
                let sent = asked.and_then(|id| self.sent.remove(&id));
                let _ = sent.map(|sent| sent.call.reply.send(answer));
            }
            _ => {
                let told = open_notification(keys, wallet, event)?;
                if told.notification_type == Notification::RECEIVED {
                    // Nobody may be listening.
                    let _ = self.received.send(told.notification);
                }
            }
        }
        Ok(())
    }

    /// Sends a request, or answers at once if that is possible.
    pub(super) async fn submit(&mut self, socket: &mut Socket, order: Order) -> Result<(), String> {
        let Some((_, info)) = &self.info else {
            return Ok(());
        };
        let call = match order {
            Order::Info(_, reply) => {
                let _ = reply.send(Ok(info.clone()));
                return Ok(());
            }
            // Nobody waits any more, so a payment is not begun either.
            Order::Call(call) if call.reply.is_closed() => return Ok(()),
            Order::Call(call) => call,
        };
        let fail = |call: Call, text: &str| {
            let failure = Failure::unsent(ErrorKind::Unavailable, text);
            let _ = call.reply.send(Err(failure));
        };
        let Some(encryption) = info.encryption() else {
            fail(call, "the wallet reads no encryption that is known here");
            return Ok(());
        };
        if self.sent.len() >= MAX_SENT {
            fail(call, "too many requests to the wallet are unanswered");
            return Ok(());
        }
        let parties = Addressed {
            from: &self.connection.keys,
            to: &self.connection.wallet,
            encryption,
        };
        let now = self.clock.wall();
        let Ok(event) = new_request(parties, &call.request, now, call.expiration) else {
            fail(call, "the request cannot be encrypted");
            return Ok(());
        };
        let message = ClientMessage::event(event.clone());
        // Before the sending: from here on it may have arrived, whatever happens.
        self.sent.insert(
            event.id,
            Sent {
                call,
                event,
                encryption,
            },
        );
        socket.send(&message).await
    }

    /// Sends again what may be repeated, on a new connection. The event is the same, so that the
    /// wallet recognises it.
    pub(super) async fn repeat(&self, socket: &mut Socket) -> Result<(), String> {
        for sent in self.sent.values().filter(|sent| sent.call.is_repeatable) {
            socket
                .send(&ClientMessage::event(sent.event.clone()))
                .await?;
        }
        Ok(())
    }

    /// Ends a request that the relay has refused. That is no word of the wallet's.
    pub(super) fn refused(&mut self, id: &EventId, message: &str) {
        if let Some(sent) = self.sent.remove(id) {
            let text = format!("the relay refused the request: {}", plain(message));
            let failure = Failure::unanswered(ErrorKind::Unavailable, text);
            let _ = sent.call.reply.send(Err(failure));
        }
    }

    /// Returns the next time at which somebody has waited long enough.
    pub(super) fn deadline(&self) -> Instant {
        let queued = self.queue.iter().map(Order::deadline);
        let sent = self.sent.values().map(|sent| sent.call.deadline);
        queued.chain(sent).min().unwrap_or_else(far)
    }

    /// Ends what has waited long enough. Returns true if a request was sent and not answered.
    pub(super) fn expire(&mut self) -> bool {
        let now = Instant::now();
        let (over, waiting): (VecDeque<_>, _) = core::mem::take(&mut self.queue)
            .into_iter()
            .partition(|order| order.deadline() <= now);
        self.queue = waiting;
        // None of these has left, so the wallet has certainly not begun a payment.
        for order in over {
            let text = "no relay of the wallet could be reached in time";
            order.fail(Failure::unsent(ErrorKind::Timeout, text));
        }
        // These have left: the wallet may still act on them, whatever their callers are told.
        let is_over = |_: &EventId, sent: &mut Sent| sent.call.deadline <= now;
        let over: Vec<_> = self.sent.extract_if(is_over).collect();
        let is_unanswered = !over.is_empty();
        for (_, sent) in over {
            let text = "the wallet did not answer in time";
            let failure = Failure::unanswered(ErrorKind::Timeout, text);
            let _ = sent.call.reply.send(Err(failure));
        }
        is_unanswered
    }
}

impl Order {
    fn deadline(&self) -> Instant {
        match self {
            Self::Call(call) => call.deadline,
            Self::Info(deadline, _) => *deadline,
        }
    }

    pub(super) fn fail(self, failure: Failure) {
        match self {
            Self::Call(call) => drop(call.reply.send(Err(failure))),
            Self::Info(_, reply) => drop(reply.send(Err(failure))),
        }
    }
}

/// Returns a time at which nothing happens.
fn far() -> Instant {
    later(Instant::now(), Duration::MAX)
}
