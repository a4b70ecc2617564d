//! A relay in the process of the test: REQ, EVENT, CLOSE in, EVENT, OK, EOSE out, with limits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use nostr::filter::MatchEventOptions;
use nostr::{ClientMessage, Event, Filter, JsonUtil, RelayMessage, SubscriptionId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio_tungstenite::tungstenite::Message;

/// The number of stored events and of subscriptions of a connection; a test needs a few.
const MAX: usize = 256;

/// The messages of the relay to its clients.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// An event, to those who subscribe to it.
    Event(Box<Event>),
    /// A text as it is, to everybody.
    Raw(String),
    /// The end of every connection.
    Close,
}

/// A relay, and the events that clients published on it.
#[derive(Clone)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    told: broadcast::Sender<Told>,
    stored: Arc<Mutex<Vec<Event>>>,
    /// The number of connections so far.
    pub(super) connections: Arc<AtomicUsize>,
}

impl Relay {
    /// Starts a relay on a free port. Events of clients come out of the receiver.
    pub(super) async fn start() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (published, events) = mpsc::unbounded_channel();
        let relay = Self {
            address: listener.local_addr().expect("an address"),
            told: broadcast::channel(MAX).0,
            stored: Arc::default(),
            connections: Arc::default(),
        };
        let served = relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(served.clone().serve(stream, published.clone()));
            }
        });
        (relay, events)
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Stores an event, and tells it to those who subscribe to it.
    pub(super) fn store(&self, event: Event) {
        let mut stored = self.stored.lock().expect("not poisoned");
        assert!(stored.len() < MAX, "too many events");
        stored.push(event.clone());
        drop(stored);
        self.tell(Told::Event(Box::new(event)));
    }

    /// Tells something to the clients of now. Nobody may be there.
    pub(super) fn tell(&self, told: Told) {
        let _ = self.told.send(told);
    }

    async fn serve(self, stream: TcpStream, published: mpsc::UnboundedSender<Event>) {
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
            return;
        };
        let mut told = self.told.subscribe();
        let mut subscriptions: HashMap<SubscriptionId, Vec<Filter>> = HashMap::new();
        loop {
            let answers = tokio::select! {
                message = socket.next() => {
                    let Some(Ok(message)) = message else { return };
                    let Message::Text(text) = message else { continue };
                    let message = ClientMessage::from_json(text.as_str()).expect("a message");
                    self.answer(message, &mut subscriptions, &published)
                }
                told = told.recv() => match told.expect("a fast reader") {
                    Told::Event(event) => subscriptions
                        .iter()
                        .filter(|(_, filters)| fits(&event, filters))
                        .map(|(id, _)| RelayMessage::event(id.clone(), *event.clone()).as_json())
                        .collect(),
                    Told::Raw(text) => vec![text],
                    Told::Close => return,
                },
            };
            for answer in answers {
                if socket.send(Message::text(answer)).await.is_err() {
                    return;
                }
            }
        }
    }

    fn answer(
        &self,
        message: ClientMessage<'_>,
        subscriptions: &mut HashMap<SubscriptionId, Vec<Filter>>,
        published: &mpsc::UnboundedSender<Event>,
    ) -> Vec<String> {
        match message {
            ClientMessage::Req {
                subscription_id,
                filters,
            } => {
                assert!(subscriptions.len() < MAX, "too many subscriptions");
                let id = subscription_id.into_owned();
                let filters: Vec<Filter> = filters.into_iter().map(Cow::into_owned).collect();
                let stored = self.stored.lock().expect("not poisoned");
                let found = stored.iter().filter(|event| fits(event, &filters));
                let mut answers: Vec<String> = found
                    .map(|event| RelayMessage::event(id.clone(), event.clone()).as_json())
                    .collect();
                answers.push(RelayMessage::eose(id.clone()).as_json());
                subscriptions.insert(id, filters);
                answers
            }
            ClientMessage::Event(event) => {
                event.verify().expect("a signed event");
                let ok = RelayMessage::ok(event.id, true, "").as_json();
                let _ = published.send(event.into_owned());
                vec![ok]
            }
            ClientMessage::Close(id) => {
                subscriptions.remove(&id);
                Vec::new()
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
}

fn fits(event: &Event, filters: &[Filter]) -> bool {
    let options = MatchEventOptions::new();
    filters
        .iter()
        .any(|filter| filter.match_event(event, options))
}
