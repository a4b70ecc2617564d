//! The listener of the page.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use l402_client::Journal;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use url::Url;

use super::answer::Page;
use super::tickets::Tickets;
use crate::context::Context;
use crate::error::CliError;
use crate::note::Note;

/// The longest wait for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The longest time of one connection. A page is short.
const CONNECTION_TIME: Duration = Duration::from_secs(60);

/// The most connections at the same time. Further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 32;

/// The pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A page that is served until this is dropped.
pub(crate) struct ApprovalPage {
    url: Url,
    accepting: JoinHandle<()>,
    /// The note by which the buyer's address guard refuses the address of the page.
    _note: Note,
}

impl ApprovalPage {
    /// Returns the address of the page. It holds nothing that approves, and may be shown to anybody.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }
}

impl Drop for ApprovalPage {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves the page on a free port of 127.0.0.1.
///
/// # Errors
/// If no port can be listened on, or the note of it cannot be written.
pub(crate) async fn serve_page(
    context: &Context,
    journal: Journal,
) -> Result<ApprovalPage, CliError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(|error| {
        CliError::local_io(format!("the page of approvals cannot be served: {error}"))
    })?;
    let address = listener.local_addr().map_err(CliError::internal)?;
    let note = Note::write("approvals", address, context)?;
    let url = format!("http://{address}/")
        .parse()
        .map_err(CliError::internal)?;
    let page = Arc::new(Page {
        journal,
        context: context.clone(),
        tickets: Tickets::default(),
    });
    Ok(ApprovalPage {
        url,
        accepting: tokio::spawn(accept(listener, page, address)),
        _note: note,
    })
}

async fn accept(listener: TcpListener, page: Arc<Page>, own: SocketAddr) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // Taken before a connection is accepted, so that further ones wait outside this process.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((socket, peer)) => {
                let page = Arc::clone(&page);
                tokio::spawn(async move {
                    let served = connection(socket, page, (own, peer));
                    // A browser that is slow or silent must not keep its place.
                    let _ = tokio::time::timeout(CONNECTION_TIME, served).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(socket: TcpStream, page: Arc<Page>, ends: (SocketAddr, SocketAddr)) {
    let service = service_fn(move |request| {
        let page = Arc::clone(&page);
        async move { Ok::<_, std::convert::Infallible>(page.answer(request, ends).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(socket), service)
        .await;
    // An error is the browser's: it went away, or sent what is no request.
    drop(served);
}
