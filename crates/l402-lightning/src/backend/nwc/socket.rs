//! A websocket to a relay, with limits on size and silence.

use core::time::Duration;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use nostr::{ClientMessage, JsonUtil, RelayMessage};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use super::client::{later, plain};
use super::wire::Relay;

/// The longest message of a relay. An event of NIP-44 is at most 88 KiB.
const MAX_MESSAGE: usize = 256 * 1024;

/// The time limit for opening a connection, and for handing over a message.
const OPEN: Duration = Duration::from_secs(10);

/// The silence after which the relay is asked if it is still there.
const SILENCE: Duration = Duration::from_secs(30);

/// The time that it has for the answer.
const PONG: Duration = Duration::from_secs(15);

/// A connection to a relay. Every error is a text that may be shown.
pub(super) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The time at which something happens if nothing is heard.
    alarm: Instant,
    /// True once the relay was asked if it is still there.
    is_asked: bool,
}

impl Socket {
    /// Opens a connection to `relay`.
    pub(super) async fn open(relay: Relay, tls: Arc<ClientConfig>) -> Result<Self, String> {
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let connector = Some(Connector::Rustls(tls));
        let opening = connect_async_tls_with_config(relay.as_str(), Some(limits), true, connector);
        match timeout(OPEN, opening).await {
            Ok(Ok((stream, _))) => Ok(Self {
                stream,
                alarm: later(Instant::now(), SILENCE),
                is_asked: false,
            }),
            Ok(Err(error)) => Err(plain(&error.to_string())),
            Err(_) => Err("no connection in time".to_owned()),
        }
    }

    /// Hands a message to the relay. After an error it may or may not have arrived.
    pub(super) async fn send(&mut self, message: &ClientMessage<'_>) -> Result<(), String> {
        self.hand_over(Message::text(message.as_json())).await
    }

    /// Waits for the next message that is one of a relay. Nothing is lost if the caller stops
    /// waiting.
    pub(super) async fn next(&mut self) -> Result<RelayMessage<'static>, String> {
        loop {
            let Ok(heard) = timeout_at(self.alarm, self.stream.next()).await else {
                if self.is_asked {
                    return Err("it is silent".to_owned());
                }
                self.is_asked = true;
                self.alarm = later(Instant::now(), PONG);
                self.hand_over(Message::Ping(Vec::new().into())).await?;
                continue;
            };
            self.is_asked = false;
            self.alarm = later(Instant::now(), SILENCE);
            match heard {
                // A message that is not understood is skipped: it may belong to a newer protocol.
                Some(Ok(Message::Text(text))) => {
                    if let Ok(message) = RelayMessage::from_json(text.as_str()) {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(_))) | None => {
                    return Err("it closed the connection".to_owned());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(plain(&error.to_string())),
            }
        }
    }

    async fn hand_over(&mut self, message: Message) -> Result<(), String> {
        match timeout(OPEN, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(plain(&error.to_string())),
            Err(_) => Err("it takes no more messages".to_owned()),
        }
    }
}
