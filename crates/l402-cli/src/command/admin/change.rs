//! The commands that change something.

use clap::{ArgGroup, Args};
use l402::{Msat, PaymentHash, Service, TokenId, UnixTime};
use serde_json::{Map, Value, json};

use crate::admin::AdminCall;
use crate::revoke::{self, What};
use crate::text::hex::hex;

/// Set the price of a route, and of all routes of its service
///
/// The gateway writes it into its file, where comments and order stay, and sells at it at once.
/// Invoices that were given out keep their price.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin price /joke \"60 sat\"
  l402 admin price weather 500msat")]
pub(super) struct PriceArgs {
    /// A route, by its path as `admin prices` shows it, or a service, by its name
    #[arg(value_name = "ROUTE|SERVICE")]
    what: String,

    /// The price of one payment, such as "60 sat"
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true)]
    price: Msat,
}

/// End tokens before their time
///
/// As `l402 revoke`: it cannot be undone, and nobody gets money back by it.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true), after_help = "\
Examples:
  l402 admin revoke --token 00017c2d...(64 digits)
  l402 admin revoke --payment 5f0c91aa...(64 digits)
  l402 admin revoke --service weather --before 2026-11-30T12:00:00Z")]
pub(super) struct RevokeArgs {
    /// End this token: 64 hex digits, or the 132 of its whole identifier
    #[arg(long, value_name = "ID", group = "what", value_parser = revoke::token_id, conflicts_with_all = ["payment", "service", "before"])]
    token: Option<TokenId>,

    /// End all tokens of this payment: its hash, 64 hex digits
    #[arg(long, value_name = "HASH", group = "what", value_parser = revoke::payment_hash, conflicts_with_all = ["service", "before"])]
    payment: Option<PaymentHash>,

    /// End all tokens of this service that were minted until now, or before --before
    #[arg(long, value_name = "NAME", group = "what")]
    service: Option<Service>,

    /// End all tokens that were minted before this time, such as 2026-11-30T12:00:00Z
    #[arg(long, value_name = "TIME", group = "what", value_parser = revoke::time)]
    before: Option<UnixTime>,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Begin the next key number, as `l402 keys rotate`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin rotate
  l402 admin rotate --new-master")]
pub(super) struct RotateArgs {
    /// Make a new master key for it, in a new file in the gateway's home folder
    #[arg(long)]
    new_master: bool,
}

/// End a key number, as `l402 keys retire`: from then on its tokens are refused
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin retire 1
  l402 admin retire 1 --until 2027-01-01T00:00:00Z")]
pub(super) struct RetireArgs {
    /// The number of the key, as `admin keys` shows it
    #[arg(value_name = "NUMBER")]
    number: u16,

    /// End it at this time, such as 2027-01-01T00:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = revoke::time)]
    until: Option<UnixTime>,
}

/// Show the limits on invoices and addresses, or set some of them
///
/// What is set is written into the gateway's file, and holds at once. 0 switches a limit off.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin limits
  l402 admin limits --per-peer 5 --per-peer-burst 50
  l402 admin limits --connections-per-peer 100")]
pub(super) struct LimitsArgs {
    /// Invoices a second for one address
    #[arg(long, value_name = "NUMBER")]
    per_peer: Option<u32>,

    /// Invoices at once for one address
    #[arg(long, value_name = "NUMBER")]
    per_peer_burst: Option<u32>,

    /// Invoices a second for one network
    #[arg(long, value_name = "NUMBER")]
    per_prefix: Option<u32>,

    /// Invoices at once for one network
    #[arg(long, value_name = "NUMBER")]
    per_prefix_burst: Option<u32>,

    /// Invoices a second in all
    #[arg(long, value_name = "NUMBER")]
    total: Option<u32>,

    /// Invoices at once in all
    #[arg(long, value_name = "NUMBER")]
    total_burst: Option<u32>,

    /// Open connections of one address
    #[arg(long, value_name = "NUMBER")]
    connections_per_peer: Option<u32>,

    /// HTTP/2 streams of one address at once
    #[arg(long, value_name = "NUMBER")]
    streams_per_peer: Option<u32>,
}

impl PriceArgs {
    pub(super) fn call(&self) -> AdminCall {
        // A name of a service holds no slash, and a path begins with one.
        let kind = if self.what.contains('/') {
            "route"
        } else {
            "service"
        };
        AdminCall::patch(
            "prices",
            json!({ kind: self.what, "price": self.price.to_string() }),
        )
    }
}

impl RevokeArgs {
    /// Returns the question that needs a yes, if there is one.
    pub(super) fn question(&self, now: UnixTime) -> Option<String> {
        let is_many = self.token.is_none() && self.payment.is_none() && !self.yes;
        let what = What::Minted {
            before: self.before.unwrap_or(now),
            service: self.service.clone(),
        };
        revoke::question(&what).filter(|_| is_many)
    }

    pub(super) fn call(&self, now: UnixTime) -> AdminCall {
        if let Some(token) = &self.token {
            let path = format!("tokens/{}/revoke", hex(token.as_bytes()));
            return AdminCall::post(&path, json!({}));
        }
        let body = match &self.payment {
            Some(hash) => json!({ "payment_hash": hex(hash.as_bytes()) }),
            None => json!({
                "service": self.service.as_ref().map(Service::as_str),
                "before": self.before.unwrap_or(now).to_rfc3339(),
            }),
        };
        AdminCall::post("revocations", body)
    }
}

impl RotateArgs {
    pub(super) fn call(&self) -> AdminCall {
        AdminCall::post("keys/rotate", json!({ "new_master": self.new_master }))
    }
}

impl RetireArgs {
    pub(super) fn call(&self) -> AdminCall {
        let until = self.until.map(|until| until.to_rfc3339());
        let path = format!("keys/{}/retire", self.number);
        AdminCall::post(&path, json!({ "until": until }))
    }
}

impl LimitsArgs {
    pub(super) fn call(&self) -> AdminCall {
        let challenges = named([
            ("per_peer_per_second", self.per_peer),
            ("per_peer_burst", self.per_peer_burst),
            ("per_prefix_per_second", self.per_prefix),
            ("per_prefix_burst", self.per_prefix_burst),
            ("total_per_second", self.total),
            ("total_burst", self.total_burst),
        ]);
        let http = named([
            ("connections_per_peer", self.connections_per_peer),
            ("streams_per_peer", self.streams_per_peer),
        ]);
        if challenges.is_empty() && http.is_empty() {
            return AdminCall::get("limits", &[]);
        }
        AdminCall::patch("limits", json!({ "challenges": challenges, "http": http }))
    }
}

/// Returns the limits that have a value.
fn named<const N: usize>(limits: [(&str, Option<u32>); N]) -> Map<String, Value> {
    let named = limits.into_iter();
    named
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect()
}
