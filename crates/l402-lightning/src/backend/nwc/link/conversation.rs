//! The conversation with one relay: the subscription, its messages, and who we are.

use core::time::Duration;
use std::borrow::Cow;

use nostr::{
    ClientMessage, EventBuilder, EventId, Filter, Kind, RelayMessage, RelayUrl, SubscriptionId,
    Timestamp,
};
use tokio::time::{Instant, sleep_until};

use super::task::Link;
use crate::backend::nwc::client::{later, plain};
use crate::backend::nwc::socket::Socket;
use crate::backend::nwc::wire::kind;

/// The time that a relay has for the subscription.
const SUBSCRIBE: Duration = Duration::from_secs(10);

/// The age of the oldest answers to ask a relay for. A relay compares it with the wallet's clock,
/// which may differ from ours.
const SINCE: Duration = Duration::from_secs(3600);

/// The number of times that a relay may ask who we are, on one connection.
const MAX_AUTH: u8 = 3;

const SUBSCRIPTION: &str = "l402";

/// The end of a connection.
pub(super) enum End {
    /// Nobody uses the client any more.
    Closed,
    /// The connection broke, or was of no use.
    Lost(String),
    /// A request found no answer here.
    Unanswered,
}

/// The state of the connection that is open.
#[derive(Default)]
pub(super) struct Progress {
    /// True once the relay has sent what it had stored.
    pub(super) is_subscribed: bool,
    /// The event by which we said who we are.
    auth: Option<EventId>,
    auths: u8,
}

impl Link {
    /// Uses a connection until it ends.
    pub(super) async fn serve(
        &mut self,
        mut socket: Socket,
        progress: &mut Progress,
        relay: &str,
    ) -> End {
        match self.converse(&mut socket, progress, relay).await {
            Ok(end) => end,
            Err(text) => End::Lost(text),
        }
    }

    async fn converse(
        &mut self,
        socket: &mut Socket,
        progress: &mut Progress,
        relay: &str,
    ) -> Result<End, String> {
        self.subscribe(socket).await?;
        let subscribed_by = later(Instant::now(), SUBSCRIBE);
        loop {
            // Requests wait for this: the info event, which comes before it, names the encryption.
            let deadline = if progress.is_subscribed {
                while let Some(order) = self.queue.pop_front() {
                    self.submit(socket, order).await?;
                }
                self.deadline()
            } else if Instant::now() >= subscribed_by {
                return Err("it does not answer the subscription".to_owned());
            } else {
                self.deadline().min(subscribed_by)
            };
            tokio::select! {
                message = socket.next() => {
                    self.hear(message?, socket, progress, relay).await?;
                }
                order = self.orders.recv() => match order {
                    Some(order) => self.queue.push_back(order),
                    None => return Ok(End::Closed),
                },
                () = sleep_until(deadline) => {
                    // Another relay may bring the next answer. With one alone there is none to change to.
                    if self.expire() && self.connection.relays.len() > 1 {
                        return Ok(End::Unanswered);
                    }
                }
            }
        }
    }

    /// Asks for the info event, and for all that the wallet says to us.
    async fn subscribe(&self, socket: &mut Socket) -> Result<(), String> {
        let wallet = self.connection.wallet;
        let since = self.clock.wall().secs().saturating_sub(SINCE.as_secs());
        let info = Filter::new()
            .kind(Kind::from_u16(kind::INFO))
            .author(wallet);
        let kinds = [kind::RESPONSE, kind::NOTIFICATION, kind::NOTIFICATION_NIP04];
        let answers = Filter::new()
            .kinds(kinds.map(Kind::from_u16))
            .author(wallet)
            .pubkey(self.connection.keys.public_key())
            .since(Timestamp::from_secs(since));
        let message = ClientMessage::Req {
            subscription_id: Cow::Owned(SubscriptionId::new(SUBSCRIPTION)),
            filters: vec![Cow::Owned(info), Cow::Owned(answers)],
        };
        socket.send(&message).await
    }

    /// Acts on a message of the relay.
    async fn hear(
        &mut self,
        message: RelayMessage<'_>,
        socket: &mut Socket,
        progress: &mut Progress,
        relay: &str,
    ) -> Result<(), String> {
        match message {
            RelayMessage::Event { event, .. } => {
                if let Err(error) = self.read(&event) {
                    tracing::debug!(target: "l402_lightning::nwc", "an event was ignored: {error}");
                }
                Ok(())
            }
            RelayMessage::EndOfStoredEvents(_) if self.info.is_none() => {
                Err("the wallet has left no info event there".to_owned())
            }
            RelayMessage::EndOfStoredEvents(_) => {
                let is_first = !core::mem::replace(&mut progress.is_subscribed, true);
                if is_first {
                    self.repeat(socket).await
                } else {
                    Ok(())
                }
            }
            RelayMessage::Ok {
                event_id,
                status,
                message,
            } => {
                if progress.auth == Some(event_id) && status {
                    return self.subscribe(socket).await;
                }
                if !status {
                    self.refused(&event_id, &message);
                }
                Ok(())
            }
            // It wants to know who we are first, and has been told.
            RelayMessage::Closed { message, .. } if message.starts_with("auth-required:") => Ok(()),
            RelayMessage::Closed { message, .. } => Err(plain(&message)),
            RelayMessage::Auth { challenge } => {
                self.authenticate(&challenge, socket, progress, relay).await
            }
            _ => Ok(()),
        }
    }

    /// Says who we are to a relay that asks (NIP-42).
    async fn authenticate(
        &self,
        challenge: &str,
        socket: &mut Socket,
        progress: &mut Progress,
        relay: &str,
    ) -> Result<(), String> {
        progress.auths = progress.auths.saturating_add(1);
        if progress.auths > MAX_AUTH {
            return Err("it asks again and again who we are".to_owned());
        }
        let url = RelayUrl::parse(relay).map_err(|_| "its address is unusable".to_owned())?;
        let event = EventBuilder::auth(challenge, url)
            .custom_created_at(Timestamp::from_secs(self.clock.wall().secs()))
            .sign_with_keys(&self.connection.keys)
            .map_err(|_| "no signature".to_owned())?;
        progress.auth = Some(event.id);
        socket.send(&ClientMessage::auth(event)).await
    }
}
