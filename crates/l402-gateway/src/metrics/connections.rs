//! The open connections of clients, by protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Counter;

/// The protocol of a connection of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1, tunnels included.
    Http1,
    Http2,
    /// Not known yet: its TLS handshake or its first bytes are awaited.
    New,
}

impl Protocol {
    pub(crate) const ALL: [Self; 3] = [Self::Http1, Self::Http2, Self::New];

    /// Returns the value of the label `protocol`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::New => "new",
        }
    }
}

/// The connections of the whole process.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: [AtomicU64; Protocol::ALL.len()],
    accepted: Counter,
}

/// One open connection, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct CountedConnection {
    connections: Arc<Connections>,
    protocol: Protocol,
}

impl Connections {
    /// Counts a connection that was accepted.
    pub(crate) fn enter(self: &Arc<Self>) -> CountedConnection {
        self.accepted.add(1);
        self.open[Protocol::New as usize].fetch_add(1, Ordering::Relaxed);
        CountedConnection {
            connections: Arc::clone(self),
            protocol: Protocol::New,
        }
    }

    /// Returns the number of connections that are open.
    pub(crate) fn open(&self, protocol: Protocol) -> u64 {
        self.open[protocol as usize].load(Ordering::Relaxed)
    }

    /// Returns the number of connections that were accepted since the start.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.read()
    }
}

impl CountedConnection {
    /// Counts the connection under another protocol from now on.
    pub(crate) fn speaks(&mut self, protocol: Protocol) {
        let open = &self.connections.open;
        open[protocol as usize].fetch_add(1, Ordering::Relaxed);
        open[self.protocol as usize].fetch_sub(1, Ordering::Relaxed);
        self.protocol = protocol;
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.connections.open[self.protocol as usize].fetch_sub(1, Ordering::Relaxed);
    }
}
