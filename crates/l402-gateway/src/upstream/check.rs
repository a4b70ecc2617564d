//! Checks of an upstream that the gateway makes by itself, at the path that the configuration names.
//!
//! A check is a request of the gateway's own, without a header of a client or an operator, on a
//! connection of its own. It reads the status of the answer and nothing more.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, Version};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::connect::Upstream;
use super::wire::Stream;
use crate::config::HealthSettings;

impl Upstream {
    /// Returns true if the upstream is checked.
    pub(crate) fn has_checks(&self) -> bool {
        self.checks.is_some()
    }

    /// Returns a number of this upstream that no other of the process has.
    pub(crate) fn number(&self) -> u64 {
        self.id
    }

    /// Checks the upstream for as long as this is polled. Ends only if it has no checks.
    pub(crate) async fn keep_checking(self: Arc<Self>) {
        let Some(settings) = &self.checks else {
            return;
        };
        let mut tick = interval(settings.every);
        // A check that took long is not made up for by several at once.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let result = timeout(settings.timeout, self.check_once(settings)).await;
            let result = result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            self.checked(&result, settings);
        }
    }

    pub(super) async fn check_once(&self, settings: &HealthSettings) -> io::Result<()> {
        let status = self.ask_status(&Method::GET, &settings.path).await?;
        if settings.status.contains(status) {
            return Ok(());
        }
        // Without the path, whose query may hold a key of the operator's.
        let text = format!("its check is answered with status {status}");
        Err(io::Error::other(text))
    }

    /// Sends a request of the gateway's own, on a new connection, and returns the status of its answer.
    pub(super) async fn ask_status(&self, method: &Method, path: &str) -> io::Result<StatusCode> {
        match self.connect().await? {
            Stream::Plain(stream) => self.ask_on(stream, method, path).await,
            Stream::Tls(stream) => self.ask_on(stream, method, path).await,
        }
    }

    async fn ask_on(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        method: &Method,
        path: &str,
    ) -> io::Result<StatusCode> {
        let host = self.authority().to_str().map_err(io::Error::other)?;
        if !self.is_http2() {
            let head =
                format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            return super::look::ask(&mut stream, head.as_bytes()).await;
        }
        let uri = Uri::builder()
            .scheme(self.http_scheme())
            .authority(host)
            .path_and_query(path);
        let request = Request::builder()
            .method(method)
            .uri(uri.build().map_err(io::Error::other)?)
            .version(Version::HTTP_2);
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        ask_http2(TokioIo::new(stream), request).await
    }
}

/// Sends a request on a connection of HTTP/2, which ends with it.
async fn ask_http2(
    stream: TokioIo<impl AsyncRead + AsyncWrite + Send + Unpin + 'static>,
    request: Request<Empty<Bytes>>,
) -> io::Result<StatusCode> {
    let opened = http2::handshake(TokioExecutor::new(), stream).await;
    let (mut sender, connection) = opened.map_err(io::Error::other)?;
    let asking = async move {
        let answer = sender.send_request(request).await;
        answer.map(|answer| answer.status())
    };
    // The answer first: a server may send it and close the connection at the same time.
    tokio::select! {
        biased;
        status = asking => status.map_err(io::Error::other),
        ended = connection => Err(ended.map_or_else(io::Error::other, |()| {
            io::Error::other("it closed the connection")
        })),
    }
}
