//! What is measured beside what, and what is to be reached.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Scenarios that run in the same rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Group {
    /// Nothing is sold: plain proxies
    Proxy,
    /// A token that opens a route again and again
    Paid,
    /// Every request with a token of its own that opens once
    SingleUse,
    /// Over TLS, HTTP/1.1
    Tls,
    /// Requests by the clock, at a share of nginx's rate
    OpenLoop,
    /// Paid requests beside a flood of others
    Flood,
    /// All that operators see and steer switched on, against all of it off
    Operated,
    /// 402 with an invoice of this machine
    Challenge,
    /// Beside Aperture, on the same lnd
    Lnd,
    /// Resident memory; no rounds
    Memory,
}

impl Group {
    /// All, in the order in which they run.
    pub(crate) const ALL: [Self; 10] = [
        Self::Proxy,
        Self::Paid,
        Self::SingleUse,
        Self::Tls,
        Self::OpenLoop,
        Self::Flood,
        Self::Operated,
        Self::Challenge,
        Self::Lnd,
        Self::Memory,
    ];

    /// The heading of its table and chart.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Proxy => "Plain proxy",
            Self::Paid => "Paid, with a token that is used again",
            Self::SingleUse => "Paid, each token good for one request",
            Self::Tls => "Over TLS 1.3, HTTP/1.1",
            Self::OpenLoop => "By the clock, at half and two thirds of nginx's rate",
            Self::Flood => "Paid, beside a flood",
            Self::Operated => "Paid, everything for operators on against everything off",
            Self::Challenge => "402, signed on this machine",
            Self::Lnd => "Beside Aperture, on the same lnd",
            Self::Memory => "Memory",
        }
    }

    /// The word for it in options and file names.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Paid => "paid",
            Self::SingleUse => "single-use",
            Self::Tls => "tls",
            Self::OpenLoop => "open-loop",
            Self::Flood => "flood",
            Self::Operated => "operated",
            Self::Challenge => "challenge",
            Self::Lnd => "lnd",
            Self::Memory => "memory",
        }
    }
}

pub(crate) const UPSTREAM: &str = "no proxy at all";
pub(crate) const NGINX: &str = "nginx, plain proxy";
pub(crate) const HAPROXY: &str = "haproxy, plain proxy";
pub(crate) const FREE: &str = "l402, free route";
pub(crate) const NGINX_LARGE: &str = "nginx, 64 KiB bodies";
pub(crate) const HAPROXY_LARGE: &str = "haproxy, 64 KiB bodies";
pub(crate) const FREE_LARGE: &str = "l402, free route, 64 KiB bodies";
pub(crate) const PAID: &str = "l402, paid, one token";
pub(crate) const PAID_MANY: &str = "l402, paid, 1,000 tokens in turn";
pub(crate) const PAID_CROWD: &str = "l402, paid, 8,000 tokens in turn";
pub(crate) const PAID_MASS: &str = "l402, paid, 100,000 tokens in turn";
pub(crate) const ONCE: &str = "l402, paid, a new token each time";
pub(crate) const ONCE_BESIDE: &str = "l402, paid, a new token each time, ledger on the other core";
pub(crate) const NGINX_TLS: &str = "nginx, TLS";
pub(crate) const FREE_TLS: &str = "l402, free route, TLS";
pub(crate) const PAID_TLS: &str = "l402, paid, TLS";
pub(crate) const NGINX_HALF: &str = "nginx, at half of its rate";
pub(crate) const FREE_HALF: &str = "l402, free route, at half of nginx's rate";
pub(crate) const PAID_HALF: &str = "l402, paid, at half of nginx's rate";
pub(crate) const NGINX_THIRDS: &str = "nginx, at two thirds of its rate";
pub(crate) const FREE_THIRDS: &str = "l402, free route, at two thirds of nginx's rate";
pub(crate) const PAID_THIRDS: &str = "l402, paid, at two thirds of nginx's rate";
pub(crate) const PAID_ALONE: &str = "l402, paid, at a third of nginx's rate";
pub(crate) const PAID_BESIDE_402: &str = "l402, paid, beside 500 that ask for invoices";
pub(crate) const PAID_BESIDE_FORGED: &str = "l402, paid, beside 500 with forged tokens";
pub(crate) const PAID_ON: &str = "l402, paid, everything on";
pub(crate) const PAID_OFF: &str = "l402, paid, everything off";
pub(crate) const ONCE_ON: &str = "l402, paid, a new token each time, everything on";
pub(crate) const ONCE_OFF: &str = "l402, paid, a new token each time, everything off";
pub(crate) const NGINX_FIXED: &str = "nginx, a fixed 402";
pub(crate) const CHALLENGE: &str = "l402, 402 signed on demand";
pub(crate) const CHALLENGE_AHEAD: &str = "l402, 402 from invoices signed ahead";
pub(crate) const LND: &str = "lnd alone, invoices over REST";
pub(crate) const CHALLENGE_LND: &str = "l402, 402 with lnd";
pub(crate) const CHALLENGE_APERTURE: &str = "Aperture, 402 with lnd";
pub(crate) const PAID_APERTURE: &str = "Aperture, paid, one token";

/// One scenario measured against another of the same rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    pub(crate) group: Group,
    pub(crate) of: &'static str,
    pub(crate) to: &'static str,
    pub(crate) goal: Option<Goal>,
}

/// A ratio to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// Less is a failure.
    pub(crate) least: f64,
    /// What is aimed at; equal to `least` where there is one figure only.
    pub(crate) reach: f64,
}

const fn goal(least: f64, reach: f64) -> Option<Goal> {
    Some(Goal { least, reach })
}

const fn compare(
    group: Group,
    of: &'static str,
    to: &'static str,
    goal: Option<Goal>,
) -> Comparison {
    Comparison {
        group,
        of,
        to,
        goal,
    }
}

/// Every row of the tables, in their order.
pub(crate) const COMPARISONS: [Comparison; 33] = [
    compare(Group::Proxy, UPSTREAM, NGINX, None),
    compare(Group::Proxy, HAPROXY, NGINX, None),
    compare(Group::Proxy, FREE, NGINX, goal(1.0, 1.0)),
    compare(Group::Proxy, HAPROXY_LARGE, NGINX_LARGE, None),
    compare(Group::Proxy, FREE_LARGE, NGINX_LARGE, goal(1.3, 1.3)),
    compare(Group::Paid, PAID, NGINX, goal(0.85, 1.0)),
    compare(Group::Paid, PAID_MANY, NGINX, goal(0.85, 1.0)),
    compare(Group::Paid, PAID, FREE, goal(0.97, 0.97)),
    compare(Group::Paid, PAID_CROWD, PAID, goal(0.95, 0.97)),
    compare(Group::Paid, PAID_MASS, PAID, None),
    compare(Group::SingleUse, FREE, NGINX, None),
    compare(Group::SingleUse, ONCE, FREE, goal(0.7, 0.75)),
    compare(Group::SingleUse, ONCE_BESIDE, FREE, goal(0.8, 0.85)),
    compare(Group::Tls, FREE_TLS, NGINX_TLS, goal(1.0, 1.1)),
    compare(Group::Tls, PAID_TLS, NGINX_TLS, goal(1.0, 1.1)),
    compare(Group::OpenLoop, FREE_HALF, NGINX_HALF, None),
    compare(Group::OpenLoop, PAID_HALF, NGINX_HALF, None),
    compare(Group::OpenLoop, FREE_THIRDS, NGINX_THIRDS, None),
    compare(Group::OpenLoop, PAID_THIRDS, NGINX_THIRDS, None),
    compare(Group::Flood, PAID_BESIDE_402, PAID_ALONE, goal(0.9, 0.9)),
    compare(Group::Flood, PAID_BESIDE_FORGED, PAID_ALONE, goal(0.9, 0.9)),
    compare(Group::Operated, PAID_ON, PAID_OFF, goal(0.95, 0.95)),
    compare(Group::Operated, ONCE_ON, ONCE_OFF, None),
    compare(Group::Challenge, CHALLENGE, NGINX_FIXED, None),
    compare(
        Group::Challenge,
        CHALLENGE_AHEAD,
        NGINX_FIXED,
        goal(0.5, 0.5),
    ),
    compare(Group::Lnd, CHALLENGE_LND, LND, goal(0.9, 0.95)),
    compare(Group::Lnd, CHALLENGE_LND, CHALLENGE_APERTURE, None),
    compare(Group::Lnd, CHALLENGE, CHALLENGE_APERTURE, goal(15.0, 15.0)),
    compare(
        Group::Lnd,
        CHALLENGE_AHEAD,
        CHALLENGE_APERTURE,
        goal(100.0, 100.0),
    ),
    compare(Group::Lnd, PAID, PAID_APERTURE, goal(8.0, 8.0)),
    compare(Group::Lnd, PAID, NGINX, None),
    compare(Group::Lnd, PAID_APERTURE, NGINX, None),
    compare(Group::Lnd, CHALLENGE_APERTURE, NGINX, None),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_goal_is_below_its_least() {
        for comparison in COMPARISONS {
            let goal = comparison.goal.unwrap_or(Goal {
                least: 0.0,
                reach: 0.0,
            });
            assert!(goal.reach >= goal.least, "{comparison:?}");
        }
    }

    #[test]
    fn words_are_those_of_the_options() {
        for group in Group::ALL {
            let value = group.to_possible_value().expect("none is hidden");
            assert_eq!(value.get_name(), group.word());
        }
    }
}
