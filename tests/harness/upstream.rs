//! A program that sells nothing itself: it answers, or fails when told to, and counts both.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// An HTTP server on a loopback port of its own.
#[derive(Clone, Debug)]
pub struct Upstream {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    asked: AtomicUsize,
    delivered: AtomicUsize,
    failed: AtomicUsize,
}

impl Upstream {
    /// Answers everything.
    #[must_use]
    pub fn healthy() -> Self {
        Self::start(|_asked| false)
    }

    /// Answers 500 to the first request and to every second one after it.
    #[must_use]
    pub fn failing_every_second_time() -> Self {
        Self::start(|asked| asked.is_multiple_of(2))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it answered.
    #[must_use]
    pub fn delivered(&self) -> usize {
        self.counts.delivered.load(Ordering::SeqCst)
    }

    /// How many it failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.counts.failed.load(Ordering::SeqCst)
    }

    fn start(fails: fn(usize) -> bool) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::new(Counts::default());
        tokio::spawn(accept(listener, Arc::clone(&counts), fails));
        Self { address, counts }
    }
}

async fn accept(listener: std::net::TcpListener, counts: Arc<Counts>, fails: fn(usize) -> bool) {
    let listener = TcpListener::from_std(listener).expect("a listener of the runtime");
    while let Ok((stream, _peer)) = listener.accept().await {
        let counts = Arc::clone(&counts);
        let service = service_fn(move |_request: Request<Incoming>| {
            let counts = Arc::clone(&counts);
            async move { Ok::<_, Infallible>(answer(&counts, fails)) }
        });
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(counts: &Counts, fails: fn(usize) -> bool) -> Response<Full<Bytes>> {
    let asked = counts.asked.fetch_add(1, Ordering::SeqCst);
    let (count, status) = if fails(asked) {
        (&counts.failed, StatusCode::INTERNAL_SERVER_ERROR)
    } else {
        (&counts.delivered, StatusCode::OK)
    };
    count.fetch_add(1, Ordering::SeqCst);
    let mut response = Response::new(Full::from("a thing"));
    *response.status_mut() = status;
    response
}
