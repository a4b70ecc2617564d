//! One connection to the relay: the messages of NIP-01 over a WebSocket.

use core::time::Duration;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use nostr::{Event, Filter};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

use super::relay::{Delivery, Relay, Seat};

/// The number of connections at a time.
const CONNECTIONS_MAX: usize = 64;
/// The length of a message, in bytes. Requests and answers of wallets are far shorter.
const MESSAGE_MAX: usize = 64 * 1024;
/// The length of a message that subscribes, in bytes: filters stay in memory.
const SUBSCRIBE_MAX: usize = 4 * 1024;
/// The longest wait for the other side: for its handshake, and until it reads what it is sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after an error of the listener, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

type Socket = WebSocketStream<TcpStream>;

/// Accepts connections until it is dropped, and then ends them all.
pub(super) async fn accept(relay: Arc<Relay>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        // Taken before the connection: who comes when all places are taken waits in the kernel.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let relay = Arc::clone(&relay);
                connections.spawn(async move {
                    serve(&relay, stream).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Serves one connection until either side ends it.
async fn serve(relay: &Arc<Relay>, stream: TcpStream) {
    let config = WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(8 * 1024)
        .max_write_buffer_size(4 * MESSAGE_MAX)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX));
    let handshake = accept_async_with_config(stream, Some(config));
    let Ok(Ok(mut socket)) = tokio::time::timeout(PATIENCE, handshake).await else {
        return;
    };
    let mut seat = relay.seat();
    while let Some(messages) = next(&mut socket, &mut seat).await {
        for message in messages {
            if !send(&mut socket, message).await {
                return;
            }
        }
    }
    let _ = tokio::time::timeout(PATIENCE, socket.close(None)).await;
}

/// Waits for the next event of a subscription or the next message of the other side, and returns
/// what is to be sent. Returns `None` if the connection is to end.
async fn next(socket: &mut Socket, seat: &mut Seat) -> Option<Vec<String>> {
    tokio::select! {
        delivery = seat.deliveries.recv() => Some(vec![delivered(&delivery?)]),
        message = socket.next() => match message?.ok()? {
            Message::Text(text) => Some(answer(seat, text.as_str())),
            // Ping and pong are answered by the library.
            Message::Ping(_) | Message::Pong(_) => Some(Vec::new()),
            Message::Binary(_) | Message::Close(_) | Message::Frame(_) => None,
        },
    }
}

async fn send(socket: &mut Socket, message: String) -> bool {
    let sent = socket.send(Message::text(message));
    matches!(tokio::time::timeout(PATIENCE, sent).await, Ok(Ok(())))
}

fn delivered((name, passed): &Delivery) -> String {
    event_message(name, &passed.json)
}

/// Writes `["EVENT", name, event]` around the text of an event.
fn event_message(name: &str, event: &str) -> String {
    format!(r#"["EVENT",{},{event}]"#, json!(name))
}

/// Returns the answers to one message.
fn answer(seat: &Seat, text: &str) -> Vec<String> {
    let Ok(Value::Array(parts)) = serde_json::from_str(text) else {
        return vec![notice("invalid: a message is an array of JSON")];
    };
    match parts.as_slice() {
        [Value::String(verb), event] if verb == "EVENT" => vec![take(seat, event)],
        [Value::String(verb), Value::String(name), filters @ ..] if verb == "REQ" => {
            let subscribed = if text.len() > SUBSCRIBE_MAX {
                Err("error: a subscription has at most 4096 bytes")
            } else {
                subscribe(seat, name, filters)
            };
            subscribed.unwrap_or_else(|reason| vec![json!(["CLOSED", name, reason]).to_string()])
        }
        [Value::String(verb), Value::String(name)] if verb == "CLOSE" => {
            seat.unsubscribe(name);
            Vec::new()
        }
        _ => vec![notice("invalid: this relay knows EVENT, REQ and CLOSE")],
    }
}

fn notice(text: &str) -> String {
    json!(["NOTICE", text]).to_string()
}

fn take(seat: &Seat, event: &Value) -> String {
    let Some(read) = parse::<Event>(event) else {
        return match event.get("id") {
            Some(Value::String(id)) if id.len() == 64 => {
                json!(["OK", id, false, "invalid: this is no event"]).to_string()
            }
            _ => notice("invalid: this is no event"),
        };
    };
    let id = read.id.to_hex();
    let (taken, text) = seat.publish(read);
    json!(["OK", id, taken, text]).to_string()
}

fn subscribe(seat: &Seat, name: &str, filters: &[Value]) -> Result<Vec<String>, &'static str> {
    let filters: Option<Vec<Filter>> = filters.iter().map(parse).collect();
    let filters = filters.ok_or("invalid: this is no filter")?;
    let stored = seat.subscribe(name, filters)?;
    let events = stored
        .iter()
        .map(|passed| event_message(name, &passed.json));
    let end = json!(["EOSE", name]).to_string();
    Ok(events.chain([end]).collect())
}

fn parse<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}
