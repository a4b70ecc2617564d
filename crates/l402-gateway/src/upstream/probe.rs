//! One attempt to reach an upstream, step by step, so that it can be said which step failed and what helps.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::connect::Upstream;
use crate::config::{Scheme, UpstreamUrl};

/// The reason why an upstream is not reached, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreachable {
    pub(crate) text: String,
    pub(crate) fix: &'static str,
}

impl Unreachable {
    fn new(text: impl Into<String>, fix: &'static str) -> Self {
        let text = text.into();
        Self { text, fix }
    }
}

impl Upstream {
    /// Resolves the name of the upstream, connects, TLS included, and makes its check if it has one. Each
    /// step may take so long.
    pub(crate) async fn probe(&self, limit: Duration) -> Result<(), Unreachable> {
        resolve(&self.url().host_name(), self.url().port(), limit).await?;
        let connected = timeout(limit, self.connect()).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        connected.map_err(|error| not_connected(&error, self.url()))?;
        let Some(settings) = &self.checks else {
            return Ok(());
        };
        let checked = timeout(settings.timeout, self.check_once(settings)).await;
        let checked = checked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        checked.map_err(|error| {
            let fix =
                "[health] path and status say which answer passes, such as path = \"/healthz\"";
            Unreachable::new(format!("it is there, and fails its check: {error}"), fix)
        })
    }

    /// Asks for a path of the upstream, and returns the status of the answer. All of it may take so long.
    pub(crate) async fn status_of(&self, path: &str, limit: Duration) -> io::Result<StatusCode> {
        let asked = timeout(limit, self.ask_status(&Method::GET, path)).await;
        asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Returns the addresses of a name, at least one.
pub(crate) async fn resolve(
    name: &str,
    port: u16,
    limit: Duration,
) -> Result<Vec<SocketAddr>, Unreachable> {
    let unknown = |why: &dyn std::fmt::Display| {
        let fix = "check the spelling, or write the address, such as http://10.0.0.5:3000";
        Unreachable::new(format!("the name {name} does not resolve: {why}"), fix)
    };
    match timeout(limit, lookup_host((name, port))).await {
        Ok(Ok(found)) => match found.collect::<Vec<_>>() {
            none if none.is_empty() => Err(unknown(&"it has no address")),
            found => Ok(found),
        },
        Ok(Err(error)) => Err(unknown(&error)),
        Err(_) => Err(unknown(&"no answer in time")),
    }
}

fn not_connected(error: &io::Error, url: &UpstreamUrl) -> Unreachable {
    let is_tls = error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>());
    let fix = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nothing listens there: start the upstream, or correct the port"
        }
        io::ErrorKind::TimedOut => "check the address, and the firewalls on the way to it",
        _ if is_tls => {
            "for a certificate of your own authority write upstream_ca = \"internal-ca.pem\"; for an \
             upstream without TLS, http://"
        }
        _ if url.scheme() == Scheme::Https => "does it speak TLS? Without, write http://",
        _ => "look at the log of the upstream",
    };
    let why = match error.kind() {
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => error.to_string(),
    };
    Unreachable::new(format!("no connection: {why}"), fix)
}
