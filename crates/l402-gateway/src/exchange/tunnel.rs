//! Upgrades of HTTP/1.1, such as WebSocket: a request like any other until the upstream says 101
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

/// An upgrade that the client asks for.
pub(crate) struct Upgrade {
    protocol: HeaderValue,
    client: OnUpgrade,
}

/// Returns the upgrade that a request asks for, if any. HTTP/2 on this connection is not for sale
/// (ATTACKS D-08).
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
    let http2 = protocol
        .as_bytes()
        .get(..2)
        .is_some_and(|p| p.eq_ignore_ascii_case(b"h2"));
    if !asked || http2 || parts.version != Version::HTTP_11 {
        return None;
    }
    let client = parts.extensions.remove::<OnUpgrade>()?;
    Some(Upgrade { protocol, client })
}

/// Refuses a 101 that the request did not ask for, or that comes before all of the request was sent.
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
    /// The headers that say so, in a request or an answer.
    pub(crate) fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let upgrade = HeaderValue::from_static("upgrade");
        [
            (header::CONNECTION, upgrade),
            (header::UPGRADE, self.protocol.clone()),
        ]
    }

    /// Copies both ways, once the client has switched, until both sides have ended. The upstream
    /// has switched already, and `read_ahead` is what it has sent since.
    pub(crate) fn open(
        self,
        (wire, read_ahead): (Wire, Bytes),
        connection: &Arc<Connection>,
        in_flight: Option<InFlight>,
    ) {
        connection.tunnel.store(true, Ordering::Relaxed);
        let connection = Arc::clone(connection);
        tokio::spawn(async move {
            if let Ok(client) = self.client.await {
                let (from, to) = split(wire);
                let mut upstream = join(Cursor::new(read_ahead).chain(from), to);
                let mut client = TokioIo::new(client);
                // A tunnel ends when either side breaks it off; there is nobody left to tell.
                let _ = copy_bidirectional(&mut client, &mut upstream).await;
            }
            drop((connection, in_flight));
        });
    }
}
