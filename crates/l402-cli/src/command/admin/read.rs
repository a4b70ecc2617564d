//! The commands that look at something.

use clap::{ArgGroup, Args, ValueEnum};
use l402::{PaymentHash, TokenId, UnixTime};

use crate::admin::AdminCall;
use crate::command::sales::Key;
use crate::revoke;
use crate::text::hex::hex;
use crate::text::when::Moment;

/// The rows of a page.
#[derive(Args, Debug)]
struct PageArgs {
    /// Show at most this many
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,

    /// Show those after this one, which the page before names
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// Show the tokens that were used or revoked
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin tokens
  l402 admin tokens --token 00017c
  l402 admin tokens --service weather --json | jq .tokens[].token")]
pub(super) struct TokensArgs {
    /// Those whose id begins with these hex digits
    #[arg(long, value_name = "DIGITS")]
    token: Option<String>,

    /// Those of this payment: its hash, 64 hex digits
    #[arg(long, value_name = "HASH", value_parser = revoke::payment_hash)]
    payment: Option<PaymentHash>,

    /// Those for this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    #[command(flatten)]
    page: PageArgs,
}

/// Show all that is known of a token; or make a new admin token
///
/// With --new the gateway makes a new token for its operators, in admin.token of its home folder. The
/// old one opens nothing from then on, and sessions of the dashboard end.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true), after_help = "\
Examples:
  l402 admin token 00017c2d...(64 digits)
  l402 admin token --new")]
pub(super) struct TokenArgs {
    /// The id of a token: 64 hex digits, or the 132 of its whole identifier
    #[arg(value_name = "ID", group = "what", value_parser = revoke::token_id)]
    id: Option<TokenId>,

    /// Make a new admin token
    #[arg(long, group = "what")]
    pub(super) new: bool,
}

/// Show what was revoked, the oldest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin revocations
  l402 admin revocations --limit 10 --after 20")]
pub(super) struct RevocationsArgs {
    #[command(flatten)]
    page: PageArgs,
}

/// Show payments one by one, in the order of their hashes
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin payments --since 24h
  l402 admin payments --state unattributed
  l402 admin payments --service weather --limit 1000 --json")]
pub(super) struct PaymentsArgs {
    /// Those in this state
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<State>,

    /// Those for this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Those that arrived since then: a span such as 12h or 7d, or a date
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    #[command(flatten)]
    page: PageArgs,
}

/// The state of a payment.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// Arrived, and nothing of it is used yet
    Settled,
    /// Partly used up
    #[value(name = "partly_spent")]
    PartlySpent,
    /// Used up
    Spent,
    /// Not used up when its tokens ended
    Expired,
    /// Arrived, and nobody knows what for
    Unattributed,
    /// Used, and the books have not seen it arrive
    Unsettled,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::PartlySpent => "partly_spent",
            Self::Spent => "spent",
            Self::Expired => "expired",
            Self::Unattributed => "unattributed",
            Self::Unsettled => "unsettled",
        }
    }
}

/// Show what was sold, by route, service, day or hour
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin sales
  l402 admin sales --since 24h --by hour")]
pub(super) struct SalesArgs {
    /// Show payments since then: a span such as 12h or 7d, or a date
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Moment,

    /// Sum up by this
    #[arg(long, value_enum, default_value = "route", value_name = "KEY")]
    by: Key,
}

/// Show what operators have changed, the newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 admin audit
  l402 admin audit --limit 10 --json | jq .changes[].what")]
pub(super) struct AuditArgs {
    /// Show at most this many
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,

    /// Show those before this one, which the page before names
    #[arg(long, value_name = "CURSOR")]
    before: Option<String>,
}

impl TokensArgs {
    pub(super) fn call(&self) -> AdminCall {
        let payment = self.payment.map(|hash| hex(hash.as_bytes()));
        let parameters = [
            ("token", self.token.clone()),
            ("payment_hash", payment),
            ("service", self.service.clone()),
            ("limit", Some(self.page.limit.to_string())),
            ("after", self.page.after.clone()),
        ];
        AdminCall::get("tokens", &parameters)
    }
}

impl TokenArgs {
    pub(super) fn call(&self) -> AdminCall {
        let id = self.id.map(|id| hex(id.as_bytes())).unwrap_or_default();
        AdminCall::get(&format!("tokens/{id}"), &[])
    }
}

impl RevocationsArgs {
    pub(super) fn call(&self) -> AdminCall {
        let parameters = [
            ("limit", Some(self.page.limit.to_string())),
            ("after", self.page.after.clone()),
        ];
        AdminCall::get("revocations", &parameters)
    }
}

impl PaymentsArgs {
    pub(super) fn call(&self, now: UnixTime) -> AdminCall {
        let parameters = [
            ("state", self.state.map(|state| state.name().to_owned())),
            ("service", self.service.clone()),
            (
                "since",
                self.since.map(|since| since.before(now).to_rfc3339()),
            ),
            ("limit", Some(self.page.limit.to_string())),
            ("after", self.page.after.clone()),
        ];
        AdminCall::get("payments", &parameters)
    }
}

impl SalesArgs {
    pub(super) fn call(&self, now: UnixTime) -> AdminCall {
        let by = self.by.by().name();
        let since = self.since.before(now).to_rfc3339();
        AdminCall::get(
            "sales",
            &[("since", Some(since)), ("by", Some(by.to_owned()))],
        )
    }
}

impl AuditArgs {
    pub(super) fn call(&self) -> AdminCall {
        let limit = Some(self.limit.to_string());
        AdminCall::get(
            "audit",
            &[("limit", limit), ("before", self.before.clone())],
        )
    }
}
