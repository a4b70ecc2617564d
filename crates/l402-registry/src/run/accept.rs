//! Accepting connections within limits, and serving the requests of each.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::stalled::WriteTimeout;
use crate::api::Counters;
use crate::desk::caller_network;

/// The longest wait for the head of a request, and for the next one on the same connection.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The longest wait for a client that takes nothing of its answer.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// The largest head of a request, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// The pause after a connection that could not be accepted, such as without a free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves one listener.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    pub(super) app: Router,
    pub(super) places: Places,
    pub(super) counters: Arc<Counters>,
    /// True once everything is to end.
    pub(super) end: watch::Receiver<bool>,
}

impl Acceptor {
    /// Accepts until the end, then waits for the connections.
    pub(super) async fn run(mut self) {
        let mut connections = JoinSet::new();
        loop {
            // The set keeps each task that has ended until it is taken out, and would only grow.
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = asked_to_end(&mut self.end) => break,
            };
            match accepted {
                Ok((socket, peer)) => self.begin(socket, peer, &mut connections),
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // Nobody connects to a registry that ends.
        drop(self.listener);
        while connections.join_next().await.is_some() {}
    }

    fn begin(&self, socket: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        // Closed without an answer, since an answer costs what the limit is there to save.
        let Some(place) = self.places.take(peer.ip()) else {
            self.counters.closed();
            return;
        };
        self.counters.connected();
        let (app, end) = (self.app.clone(), self.end.clone());
        connections.spawn(async move {
            connection(socket, peer, app, end).await;
            drop(place);
        });
    }
}

/// Serves one connection to its end.
async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    app: Router,
    mut end: watch::Receiver<bool>,
) {
    // Without it answers are only slower, which is no reason to close the connection.
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|no| match no {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(WriteTimeout::new(socket, WRITE_TIME)), service);
    let mut connection = std::pin::pin!(connection);
    // An error is the client's: it went away, or sent what is no request.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = asked_to_end(&mut end) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Waits until everything is to end.
async fn asked_to_end(end: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and so the end, too.
    let _ = end.wait_for(|ended| *ended).await;
}

/// The open connections, in all and of each address. Networks of IPv6 count as one address (/64).
#[derive(Clone, Debug)]
pub(super) struct Places {
    all_max: usize,
    each_max: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The place of one connection, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    pub(super) fn new(all_max: u32, each_max: u32) -> Self {
        let size = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            all_max: size(all_max),
            each_max: size(each_max),
            open: Arc::default(),
        }
    }

    /// Takes a place. `None` if there is none for this address. This machine may have them all.
    fn take(&self, address: IpAddr) -> Option<Place> {
        let is_here = address.to_canonical().is_loopback();
        let address = caller_network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(&address).copied().unwrap_or_default();
        let is_free = open.values().sum::<usize>() < self.all_max;
        if !is_free || (own >= self.each_max && !is_here) {
            return None;
        }
        open.insert(address, own + 1);
        drop(open);
        Some(Place {
            places: self.clone(),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let open = self.places.open.lock();
        let mut open = open.unwrap_or_else(PoisonError::into_inner);
        let left = open
            .get(&self.address)
            .copied()
            .unwrap_or_default()
            .saturating_sub(1);
        // Entries of addresses that are gone would fill the memory.
        if left == 0 {
            open.remove(&self.address);
        } else {
            open.insert(self.address, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gives_places_back() {
        let places = Places::new(4, 2);
        let (one, other) = (
            "203.0.113.9".parse().unwrap(),
            "203.0.113.10".parse().unwrap(),
        );
        let held = [places.take(one), places.take(one)];
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(one).is_none());
        let others = [places.take(other), places.take(other)];
        assert!(others.iter().all(Option::is_some));
        assert!(
            places.take("203.0.113.11".parse().unwrap()).is_none(),
            "all are taken"
        );
        drop(held);
        assert!(places.take(one).is_some());
        drop(others);
        assert!(places.open.lock().unwrap().is_empty());
    }

    #[test]
    fn this_machine_may_have_all_places() {
        let places = Places::new(3, 1);
        for here in ["::ffff:127.0.0.1", "::1"] {
            let here = here.parse().unwrap();
            let held: Vec<_> = (0..4).map(|_| places.take(here)).collect();
            assert_eq!(held.iter().flatten().count(), 3);
        }
    }
}
