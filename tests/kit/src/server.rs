//! An HTTP server with one function that makes all answers.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// An HTTP server on a loopback port of its own, which runs until the test's runtime ends.
#[derive(Clone, Copy, Debug)]
pub struct TestServer {
    address: SocketAddr,
}

impl TestServer {
    /// Starts a server that speaks HTTP/1.1, upgrades included.
    ///
    /// # Panics
    /// If no port is free, or outside of a runtime.
    pub fn start<F, R, B>(handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self::listen(false, handler)
    }

    /// Starts a server that speaks HTTP/2 by prior knowledge.
    ///
    /// # Panics
    /// If no port is free, or outside of a runtime.
    pub fn start_http2<F, R, B>(handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self::listen(true, handler)
    }

    /// Returns the address on which the server listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    fn listen<F, R, B>(http2: bool, handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        tokio::spawn(async move {
            while let Ok((socket, _peer)) = listener.accept().await {
                let handler = handler.clone();
                let service = service_fn(move |request| {
                    let answer = handler(request);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let io = TokioIo::new(socket);
                // A connection that is reset on purpose ends in an error.
                tokio::spawn(async move {
                    let _ended = if http2 {
                        let builder = http2::Builder::new(TokioExecutor::new());
                        builder.serve_connection(io, service).await
                    } else {
                        let builder = http1::Builder::new();
                        builder.serve_connection(io, service).with_upgrades().await
                    };
                });
            }
        });
        Self { address }
    }
}
