//! The listener: connections, and their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use l402_client::Client;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::access::Mode;
use super::exchange::{Ends, Exchange};
use super::framing::Checked;
use super::pump::Alive;
use super::tunnel::Tunnels;
use crate::access_token::AccessToken;
use crate::context::Context;
use crate::error::CliError;
use crate::note::Note;
use crate::owner::is_this_user;
use crate::signal::Stop;

/// The longest wait for the head of a request, and for the next one on the same connection.
const HEAD_TIME: Duration = Duration::from_secs(120);

/// The most connections at the same time. Further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 1024;

/// The pause after a connection that could not be accepted, such as without a free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Everything that a proxy needs.
pub(crate) struct Proxy {
    pub(crate) listener: TcpListener,
    pub(crate) client: Client,
    pub(crate) mode: Mode,
    pub(crate) token: Option<AccessToken>,
    /// Reads the addresses of this home that no request may go to.
    pub(crate) own_addresses: Arc<dyn Fn() -> Vec<(String, u16)> + Send + Sync>,
}

/// Serves until a signal asks for the end. `started` is called with the address once the note of it is
/// written.
///
/// # Errors
/// If the note cannot be written, or `started` fails.
pub(crate) async fn serve(
    proxy: Proxy,
    stop: Stop,
    context: &Context,
    started: impl FnOnce(SocketAddr) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let address = proxy.listener.local_addr().map_err(CliError::internal)?;
    let _note = Note::write("proxy", address, context)?;
    started(address)?;
    let (ended, end) = watch::channel(false);
    let (alive, mut last) = mpsc::channel(1);
    let client = proxy.client.clone();
    let exchange = Arc::new(Exchange {
        client: proxy.client,
        mode: proxy.mode,
        token: proxy.token,
        tunnels: Tunnels::new(end.clone()),
        own_addresses: proxy.own_addresses,
    });
    let mut connections = JoinSet::new();
    let accepting = accept(&proxy.listener, &exchange, &mut connections, (&end, &alive));
    tokio::select! {
        () = accepting => {}
        () = stop.requested() => {}
    }
    drop(proxy.listener);
    ended.send_replace(true);
    // This sender, too, has to go, or the wait below would never end.
    drop(alive);
    while connections.join_next().await.is_some() {}
    // Nobody sends: this ends when the last reader of an answer has ended.
    let _ = last.recv().await;
    client.finish_payments().await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    exchange: &Arc<Exchange>,
    connections: &mut JoinSet<()>,
    (end, alive): (&watch::Receiver<bool>, &Alive),
) {
    loop {
        // Those that have ended need no place any more.
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let accepted = listener.accept().await;
        match accepted {
            Ok((socket, peer)) => {
                let (exchange, end) = (Arc::clone(exchange), end.clone());
                connections.spawn(connection(socket, peer, exchange, end, alive.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    exchange: Arc<Exchange>,
    mut end: watch::Receiver<bool>,
    alive: Alive,
) {
    let Ok(own) = socket.local_addr() else {
        return;
    };
    let _ = socket.set_nodelay(true);
    // Only if it decides something: the table of a busy machine is long.
    let is_own_user = exchange.token.is_some() || is_this_user(peer, own).await;
    let ends = Ends { own, is_own_user };
    let service = service_fn(move |request| {
        let (exchange, alive) = (Arc::clone(&exchange), alive.clone());
        async move { Ok::<_, std::convert::Infallible>(exchange.answer(request, ends, alive).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(Checked::new(socket)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // An error is the program's: it went away, or sent what is no request. It has been answered.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = ended(&mut end) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Waits until the proxy is asked to end.
async fn ended(end: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and so the end, too.
    let _ = end.wait_for(|ended| *ended).await;
}
