//! Passes: a browser whose payment was made elsewhere is let in, and nobody else is.

mod asking;
mod browser;
mod cookies;
mod forms;
mod places;
mod redirects;
mod refused;

use std::net::SocketAddr;

use crate::harness::{QUIET, describe, upstream};

/// Three services before one upstream, each with a policy of its own; `/a` and `/b` are one service.
pub(crate) fn shop_at(upstream: SocketAddr) -> String {
    let route = |path: &str, service: &str, policy: &str| {
        format!(
            "[[route]]\npath = \"{path}\"\nupstream = \"http://{upstream}\"\nprice = \"50 sat\"\n\
             service = \"{service}\"\npolicy = \"{policy}\"\n"
        )
    };
    let free =
        format!("[[route]]\npath = \"/free\"\nupstream = \"http://{upstream}\"\nfree = true\n");
    let challenges = "[challenges]\nper_peer_per_second = 0\nper_prefix_per_second = 0\n\
                      total_per_second = 0\n";
    QUIET.to_owned()
        + challenges
        + &route("/a", "once", "request")
        + &route("/b", "once", "request")
        + &route("/three", "three", "uses=3")
        + &route("/hour", "hour", "time=1h")
        + &route("/hour/{*rest}", "hour", "time=1h")
        + &free
}

pub(crate) async fn shop() -> String {
    shop_at(upstream(false, describe).await)
}
