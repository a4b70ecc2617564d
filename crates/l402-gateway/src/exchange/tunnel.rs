//! Upgrades of HTTP/1.1, such as WebSocket: a request like any other until the upstream answers 101
//! (ATTACKS H-16).

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode, Version, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, copy_bidirectional, join, split};

use super::connection::Connection;
use crate::table::InFlight;
use crate::upstream::{UpstreamBody, Wire};

/// An upgrade that a client asks for, and its half of the tunnel.
pub(crate) struct Upgrade {
    protocol: HeaderValue,
    client: OnUpgrade,
}

/// The beginnings of the protocols that carry HTTP: `h2` and `h2c`, `HTTP/2.0`, `TLS/1.0` (RFC
/// 2817).
const OF_HTTP: [&[u8]; 3] = [b"h2", b"http", b"tls"];

/// Takes out of a request the upgrade that it asks for, if any. An upgrade to HTTP itself does not
/// count: its tunnel would carry requests that nobody has paid for (ATTACKS D-08).
pub(crate) fn requested_upgrade(parts: &mut Parts) -> Option<Upgrade> {
    let protocol = parts.headers.get(header::UPGRADE)?.clone();
    let asked = parts
        .headers
        .get_all(header::CONNECTION)
        .iter()
        .any(|value| {
            let mut options = value.as_bytes().split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        });
    let mut names = protocol.as_bytes().split(|byte| *byte == b',');
    if !asked || names.any(carries_http) || parts.version != Version::HTTP_11 {
        return None;
    }
    let client = parts.extensions.remove::<OnUpgrade>()?;
    Some(Upgrade { protocol, client })
}

fn carries_http(protocol: &[u8]) -> bool {
    let protocol = protocol.trim_ascii();
    OF_HTTP.iter().any(|of_http| {
        let start = protocol.get(..of_http.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(of_http))
    })
}

/// Refuses a 101 that the request did not ask for, or that comes before all of the request was
/// sent.
pub(crate) fn check(
    answer: &Response<UpstreamBody>,
    upgrade: Option<&Upgrade>,
) -> Result<(), String> {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    let named = answer
        .headers()
        .get(header::UPGRADE)
        .map(HeaderValue::as_bytes);
    let fits = upgrade.is_some_and(|upgrade| {
        named.is_some_and(|named| named.eq_ignore_ascii_case(upgrade.protocol.as_bytes()))
    });
    if !fits {
        return Err("it switched to a protocol that nobody asked for".to_owned());
    }
    if !answer.body().may_be_tunnel() {
        return Err("it switched protocols before it had the whole request".to_owned());
    }
    Ok(())
}

impl Upgrade {
    /// Returns the headers that ask for this upgrade in a request, and confirm it in an answer.
    pub(crate) fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let upgrade = HeaderValue::from_static("upgrade");
        [
            (header::CONNECTION, upgrade),
            (header::UPGRADE, self.protocol.clone()),
        ]
    }

    /// Copies both ways, once the client has switched, until both sides have ended. The upstream
    /// has switched already; `read_ahead` is what was read after its answer.
    pub(crate) fn open(
        self,
        (wire, read_ahead): (Wire, Bytes),
        connection: &Arc<Connection>,
        in_flight: Option<InFlight>,
    ) {
        // Before any byte of the tunnel: from here on they are no requests, and the framing check
        // of the client's socket would refuse them.
        connection.tunnel.store(true, Ordering::Relaxed);
        let connection = Arc::clone(connection);
        tokio::spawn(async move {
            if let Ok(client) = self.client.await {
                let (from, to) = split(wire);
                let mut upstream = join(Cursor::new(read_ahead).chain(from), to);
                let mut client = TokioIo::new(client);
                // The error is dropped: a tunnel ends when either side breaks it off, and the other
                // side sees the connection close.
                let _ = copy_bidirectional(&mut client, &mut upstream).await;
            }
            // Moved into the task, so that both are counted as open until the tunnel ends.
            drop((connection, in_flight));
        });
    }
}
