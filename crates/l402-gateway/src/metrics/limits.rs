//! The limits of the gateway that clients have run into.

use super::Counter;

/// A limit that turns a request or a connection away. Those of challenges are the paywall's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `http.body_max_bytes`.
    BodyMaxBytes,
    /// The connections that the limit on open files leaves for clients.
    Connections,
    /// `http.connections_per_peer`, and the share of one address.
    ConnectionsPerPeer,
    /// `max_in_flight` of a route.
    MaxInFlight,
    /// `http.streams_per_peer`.
    StreamsPerPeer,
    /// The connections to upstreams that the limit on open files leaves, or the share of one address.
    UpstreamConnections,
}

impl Limit {
    pub(crate) const ALL: [Self; 6] = [
        Self::BodyMaxBytes,
        Self::Connections,
        Self::ConnectionsPerPeer,
        Self::MaxInFlight,
        Self::StreamsPerPeer,
        Self::UpstreamConnections,
    ];

    /// Returns the value of the label `limit`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BodyMaxBytes => "body_max_bytes",
            Self::Connections => "connections",
            Self::ConnectionsPerPeer => "connections_per_peer",
            Self::MaxInFlight => "max_in_flight",
            Self::StreamsPerPeer => "streams_per_peer",
            Self::UpstreamConnections => "upstream_connections",
        }
    }
}

/// The number of times that each limit was hit.
#[derive(Debug, Default)]
pub(crate) struct LimitHits([Counter; Limit::ALL.len()]);

impl LimitHits {
    /// Counts a request or a connection that was turned away.
    pub(crate) fn hit(&self, limit: Limit) {
        self.0[limit as usize].add(1);
    }

    pub(crate) fn read(&self, limit: Limit) -> u64 {
        self.0[limit as usize].read()
    }
}
