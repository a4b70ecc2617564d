//! The client of one request: the peer of its connection, or the one that trusted proxies name.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{HeaderMap, HeaderValue};
use l402_host::is_public_address;
use l402_server::{CanonicalRequest, Granted, Snapshot, canonical_authority};

use super::answer::Answer;
use super::connection::Connection;
use super::forwarded::Forwarded;
use super::headers::FORWARDED_FOR;
use super::streams::{OpenStream, OpenStreams};
use crate::share::{Load, Share};
use crate::table::RouteTable;

/// The client of one request.
pub(super) struct RequestClient<'a> {
    connection: &'a Connection,
    /// `None` if the peer of the connection is the client, and no proxy.
    behind: Option<BehindProxy>,
}

/// A client behind trusted proxies.
struct BehindProxy {
    address: IpAddr,
    /// All addresses from the client to the peer, as a header's value.
    chain: HeaderValue,
    https: Option<bool>,
    host: Option<HeaderValue>,
    /// `None` if no client is named: the request is the proxy's own.
    counts: Option<Counts>,
}

/// The counts of one client over all connections of the proxies.
struct Counts {
    load: Load,
    /// The HTTP/2 streams of the client, this one included, if it is one.
    stream: Option<(OpenStreams, Arc<OpenStream>)>,
}

/// Keeps a stream in the count of its client until the answer has ended.
#[derive(Clone, Debug)]
pub(crate) struct StreamPlace {
    _place: Arc<OpenStream>,
}

impl<'a> RequestClient<'a> {
    /// Reads the headers of a request, if it comes from a trusted proxy. Those of anybody else say
    /// nothing (ATTACKS D-02, H-28).
    pub(super) fn of(connection: &'a Connection, headers: &HeaderMap, table: &RouteTable) -> Self {
        let peer = connection.peer.ip();
        let is_trusted = !connection.is_unnamed && table.proxies.trusts(peer);
        if !is_trusted && !connection.is_unnamed {
            warn_of_proxy(connection, headers);
        }
        Self {
            connection,
            behind: is_trusted.then(|| {
                let forwarded = Forwarded::read(headers, peer, |one| table.proxies.trusts(one));
                BehindProxy::new(forwarded, connection, table)
            }),
        }
    }

    /// The address that counts: for the limits, for the log, and for the upstream.
    pub(super) fn address(&self) -> IpAddr {
        let behind = self.behind.as_ref();
        behind.map_or(self.connection.peer.ip(), |behind| behind.address)
    }

    /// The addresses for `X-Forwarded-For`.
    pub(super) fn chain(&self) -> &HeaderValue {
        let behind = self.behind.as_ref();
        behind.map_or(&self.connection.address, |behind| &behind.chain)
    }

    /// Returns true if the client itself uses TLS.
    pub(super) fn uses_tls(&self) -> bool {
        let told = self.behind.as_ref().and_then(|behind| behind.https);
        told.unwrap_or(self.connection.tls)
    }

    /// The host that the client asked a proxy for; `None` if that is in `Host`.
    pub(super) fn host(&self) -> Option<&HeaderValue> {
        self.behind.as_ref()?.host.as_ref()
    }

    /// Returns the client's share of the connections to upstreams. A proxy itself has no limit.
    pub(super) fn share(&self, limit: u32) -> Share<'_> {
        let own = Share {
            load: &self.connection.load,
            limit,
        };
        match &self.behind {
            None => own,
            Some(behind) => match &behind.counts {
                Some(counts) => Share {
                    load: &counts.load,
                    limit,
                },
                None => Share { limit: 0, ..own },
            },
        }
    }

    /// Returns true if the client has more than `limit` streams of HTTP/2. A proxy itself may have
    /// any number, since it has one for each of its clients.
    pub(super) fn has_more_streams_than(&self, limit: u32) -> bool {
        let open = match &self.behind {
            None => self.connection.streams.as_ref(),
            Some(behind) => {
                let counts = behind.counts.as_ref();
                counts.and_then(|counts| counts.stream.as_ref().map(|(open, _)| open))
            }
        };
        open.is_some_and(|open| open.are_more_than(limit))
    }

    /// Counts the stream of this request until its answer has ended.
    pub(super) fn stays_until_end_of(&self, answer: &mut Answer) {
        let counts = self
            .behind
            .as_ref()
            .and_then(|behind| behind.counts.as_ref());
        if let Some((_, place)) = counts.and_then(|counts| counts.stream.as_ref()) {
            let place = Arc::clone(place);
            answer
                .extensions_mut()
                .insert(StreamPlace { _place: place });
        }
    }

    /// Names the origin that the request was for, as the client knows it.
    pub(super) fn name_origin(
        &self,
        granted: Granted,
        canonical: &CanonicalRequest,
        table: &Snapshot,
    ) -> Granted {
        let host = self.host().and_then(|host| host.to_str().ok());
        match host.and_then(canonical_authority) {
            Some((host, port)) => granted.asked_at_host(host, port, table),
            None => granted.asked_at(canonical, table),
        }
    }
}

impl BehindProxy {
    fn new(forwarded: Forwarded, connection: &Connection, table: &RouteTable) -> Self {
        let state = &connection.worker.state;
        let address = forwarded.client();
        let is_named = forwarded.chain.len() > 1;
        let counts = is_named.then(|| Counts {
            load: state.loads.of(address),
            stream: connection.streams.is_some().then(|| {
                let open = state.streams.of(address);
                let place = Arc::new(open.enter());
                (open, place)
            }),
        });
        let chain = HeaderValue::from_str(&forwarded.list());
        Self {
            address,
            chain: chain.expect("addresses are visible ASCII"),
            https: forwarded.https,
            host: forwarded.host.and_then(|host| known_host(&host, table)),
            counts,
        }
    }
}

/// Warns once of a neighbour that seems to be a proxy of the operator's, and is not trusted: all buyers
/// behind it would share its limits. A stranger on the open internet says nothing here.
fn warn_of_proxy(connection: &Connection, headers: &HeaderMap) {
    let peer = connection.peer.ip();
    if is_public_address(peer) || !headers.contains_key(FORWARDED_FOR) {
        return;
    }
    let told = &connection.worker.state.untrusted_proxy;
    // Read first: a place that every request wrote to would wander between the cores.
    if !told.load(Ordering::Relaxed) && !told.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            %peer,
            "a request names another client in X-Forwarded-For, which is not believed; if it comes \
             from a proxy of yours, name that in trusted_proxies"
        );
    }
}

/// Returns a forwarded host as a header's value. `None` if the gateway does not answer for it: where
/// hosts are configured, no header can name another.
fn known_host(host: &str, table: &RouteTable) -> Option<HeaderValue> {
    let (name, _) = canonical_authority(host)?;
    let is_known = table.snapshot.knows_host(Some(&name));
    is_known.then(|| HeaderValue::from_str(host).ok()).flatten()
}
