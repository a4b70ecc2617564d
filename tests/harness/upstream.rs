//! A program that sells nothing itself: it answers, or fails when told to, and counts both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use l402_testkit::TestServer;

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
        let counts = Arc::new(Counts::default());
        let counting = Arc::clone(&counts);
        let server = TestServer::start(move |request| {
            // A gateway that starts looks which files are there. That is no delivery.
            let answer = match *request.method() {
                Method::HEAD => missing(),
                _ => answer(&counting, fails),
            };
            async move { answer }
        });
        Self {
            address: server.address(),
            counts,
        }
    }
}

fn missing() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
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
