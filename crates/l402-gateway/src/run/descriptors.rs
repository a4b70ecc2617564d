//! The share of the process' file descriptors that each kind of connection gets.

use l402_host::DescriptorLimit;

use crate::config::Http;

/// The descriptors that the process needs besides connections: standard streams, ledger, node, logs.
const RESERVE: u64 = 64;

/// The descriptors of a worker's runtime, besides its listeners.
const OF_WORKER: u64 = 4;

/// The limit that is reckoned with if there is none.
const NO_LIMIT: u64 = 1 << 20;

/// The shares. Half of what the reserve leaves is for clients, half for upstreams: a request of
/// HTTP/1.1 takes one connection of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// The largest number of connections of clients in all.
    pub(super) clients: u32,
    /// The largest number of connections to upstreams in all.
    pub(super) upstreams: u32,
}

impl Shares {
    /// Divides the descriptors of a process with so many workers, each with so many listeners.
    pub(super) fn new(limit: Option<u64>, workers: usize, listeners: usize) -> Self {
        let limit = limit.unwrap_or(NO_LIMIT);
        let of_worker = OF_WORKER.saturating_add(listeners as u64);
        let reserve = RESERVE.saturating_add(of_worker.saturating_mul(workers as u64));
        // With very few descriptors, half of them for connections: a gateway that serves a few
        // requests is better than none.
        let left = limit - reserve.min(limit / 2);
        let half = u32::try_from(left / 2).unwrap_or(u32::MAX).max(1);
        Self {
            clients: half,
            upstreams: half,
        }
    }

    /// Says in the log how many there are, and warns if one address gets fewer connections than the
    /// configuration lets it have.
    pub(super) fn tell(&self, limit: DescriptorLimit, http: &Http) {
        let Self { clients, upstreams } = self;
        let DescriptorLimit { before, now } = limit;
        tracing::info!(?before, ?now, clients, upstreams, "the limit on open files");
        let (share, wanted) = (clients / 2, http.connections_per_peer);
        if let Some(limit) = now
            && share < wanted
        {
            tracing::warn!(
                "only {limit} files and sockets may be open at once, so one address holds {share} \
                 connections at most, and not http.connections_per_peer = {wanted}; raise the hard \
                 limit (ulimit -Hn, LimitNOFILE of systemd)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(limit: Option<u64>, workers: usize) -> u32 {
        let shares = Shares::new(limit, workers, 1);
        assert_eq!(shares.clients, shares.upstreams);
        shares.clients
    }

    #[test]
    fn connections_get_what_the_reserve_leaves() {
        assert_eq!(half(Some(1024), 2), (1024 - 64 - 10) / 2);
        assert_eq!(half(Some(256), 2), (256 - 64 - 10) / 2);
        assert_eq!(half(None, 2), (1 << 19) - 37);
    }

    #[test]
    fn the_reserve_takes_no_more_than_half() {
        assert_eq!(half(Some(64), 2), 16);
        assert_eq!(half(Some(1024), 1024), 256);
        assert_eq!(half(Some(0), 1), 1);
        assert_eq!(half(Some(u64::MAX), usize::MAX), u32::MAX);
    }
}
