//! Tunnels (`CONNECT`): bytes that pass through untouched. What is in them cannot be paid for.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use l402_client::Client;
use tokio::net::TcpStream;
use tokio::sync::watch;
use url::Url;

use super::answer::{self, ProxyAnswer};
use super::exchange::OwnAddresses;
use super::headers::{ERROR, REFUSED};
use crate::text::output::tell;
use crate::text::plain::escape_short;

/// The longest that a connection to one address may take to open.
const CONNECT_TIME: Duration = Duration::from_secs(20);

/// The most servers whose first tunnel is told.
const TOLD_MAX: usize = 256;

/// The longest name of a server in a line, in characters.
const NAME_MAX: usize = 100;

/// The tunnels of one proxy.
pub(super) struct Tunnels {
    /// True once the proxy is asked to end.
    end: watch::Receiver<bool>,
    /// The servers whose tunnels were told.
    told: Mutex<HashSet<String>>,
}

impl Tunnels {
    pub(super) fn new(end: watch::Receiver<bool>) -> Self {
        Self {
            end,
            told: Mutex::default(),
        }
    }

    /// Connects to the target of a `CONNECT`, and answers once the tunnel can begin. It leads to none of
    /// the addresses `own`, and an address in it counts as named by the user if `is_typed`.
    pub(super) async fn open(
        &self,
        request: Request<Incoming>,
        client: &Client,
        (own, is_typed): (OwnAddresses, bool),
    ) -> ProxyAnswer {
        let authority = request.uri().authority().map(ToString::to_string);
        let Some(url) = authority.as_deref().and_then(target) else {
            let text = "CONNECT takes HOST:PORT";
            return answer::problem(StatusCode::BAD_REQUEST, &REFUSED, "bad_target", text);
        };
        let server = match connect(&url, client, (own, is_typed)).await {
            Ok(server) => server,
            Err(answer) => return *answer,
        };
        self.tell(authority.unwrap_or_default());
        let mut end = self.end.clone();
        tokio::spawn(async move {
            // An error: the program went away before its tunnel began.
            let Ok(upgraded) = hyper::upgrade::on(request).await else {
                return;
            };
            let (mut program, mut server) = (TokioIo::new(upgraded), server);
            // However it ends, both sides are closed, and nobody else has a part in it.
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut program, &mut server) => {}
                _ = end.wait_for(|ended| *ended) => {}
            }
        });
        ProxyAnswer::new(answer::empty())
    }

    /// Says once for each server that nothing can be paid there.
    fn tell(&self, server: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX && told.insert(server.clone()) {
            let server = escape_short(&server, NAME_MAX);
            tell(&format!(
                "CONNECT {server}: passed through; nothing can be paid there (--to https://… can)"
            ));
        }
    }
}

/// Reads `HOST:PORT` as the URL of which the host is checked.
fn target(authority: &str) -> Option<Url> {
    let (_, port) = authority.rsplit_once(':')?;
    port.parse::<u16>().ok().filter(|port| *port != 0)?;
    let url = Url::parse(&format!("http://{authority}/")).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.path() == "/";
    url.host().filter(|_| is_plain)?;
    Some(url)
}

/// Opens a connection to the first address of a host that answers. The name is resolved once, and what is
/// checked is what is connected to.
async fn connect(
    url: &Url,
    client: &Client,
    (own, is_typed): (OwnAddresses, bool),
) -> Result<TcpStream, Box<ProxyAnswer>> {
    let found = client.addresses(url, own, is_typed).await;
    let found = found.map_err(|error| Box::new(answer::of_error(&error)))?;
    for address in found {
        if let Ok(Ok(server)) =
            tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await
        {
            // Small pieces of a handshake wait for nothing.
            let _ = server.set_nodelay(true);
            return Ok(server);
        }
    }
    Err(unreachable())
}

fn unreachable() -> Box<ProxyAnswer> {
    let text = "the target of CONNECT cannot be reached";
    let answer = answer::problem(StatusCode::BAD_GATEWAY, &ERROR, "transport", text);
    Box::new(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_leads_to_a_host_and_a_port() {
        for good in [
            "a.example:443",
            "127.0.0.1:8403",
            "[::1]:80",
            "a.example:80",
        ] {
            assert!(target(good).is_some(), "{good}");
        }
        for bad in [
            "a.example",
            "a.example:",
            "a.example:0",
            "me@a.example:443",
            ":443",
            "a:99999",
        ] {
            assert!(target(bad).is_none(), "{bad}");
        }
    }
}
