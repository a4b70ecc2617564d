//! Writes `docs/mcp-compat.md`: what becomes of each tool and parameter of other wallets.
//!
//! `UPDATE_PAGES=1 cargo test -p l402-cli --lib mcp::compat` writes the page anew.

use std::fmt::Write;
use std::path::Path;

use super::profile::Profile;
use super::row::{Fate, Field, Parameter, Row, Work};

/// The tools of a wallet with their parameters, as that wallet lists them.
type Listed = &'static [(&'static str, &'static str)];

const LIGHTNING_WALLET: Listed = &[
    ("check_balance", ""),
    ("pay_l402_api", "url method body max_payment_sats"),
    ("pay_invoice", "bolt11 max_fee_sats"),
    ("create_invoice", "amount_sats memo"),
    ("get_invoice_status", "payment_hash"),
    ("get_transactions", "limit offset"),
    ("register_operator", "name email"),
    ("update_operator", "email name"),
    ("claim_promo", "promo_code"),
    ("get_deposit_invoice", "amount_sats"),
    ("create_agent", "name description budget_limit_sats"),
    ("fund_agent", "agent_id amount_sats"),
    ("list_agents", ""),
    ("set_operator_key", "api_key"),
    ("set_agent_credentials", "api_key"),
    ("whoami", ""),
    ("forget_credentials", ""),
    ("register_webhook", "url events"),
    ("list_webhooks", ""),
    ("delete_webhook", "webhook_id"),
    ("test_webhook", "webhook_id"),
    ("get_budget_status", "agent_id"),
    ("set_budget", "agent_id budget_limit_sats"),
    ("deactivate_agent", "agent_id"),
    ("reactivate_agent", "agent_id"),
    ("recover_account", "recovery_code"),
    ("rotate_api_key", "agent_id"),
    ("get_info", ""),
    ("decode_invoice", "bolt11"),
    ("get_rate_limits", ""),
    ("withdraw", "invoice"),
    ("create_withdraw_link", "amount_sats"),
    ("sweep_agent", "agent_id amount_sats"),
    ("pay_lightning_address", "address amount_sats comment"),
    ("set_nostr_identity", "private_key"),
    ("get_nostr_identity", ""),
    (
        "nostr_zap",
        "address amount_sats recipient_pubkey content event_id relays",
    ),
    ("transfer_to_agent", "from_agent_id to_agent_id amount_sats"),
    ("delete_agent", "agent_id confirm"),
    ("lnurl_auth", "lnurl"),
    ("claim_lnurl_withdraw", "lnurl"),
    ("keysend", "destination amount_sats message"),
    ("board_read", "sort topic limit offset"),
    ("board_post", "content topic"),
    ("board_reply", "post_id content"),
    ("board_vote", "post_id direction"),
    ("arena_list", ""),
    ("arena_fairness", ""),
    ("arena_reveal_seed", ""),
    ("arena_join", "tournament_id"),
    ("arena_play", "entry_id target direction"),
    ("arena_entry", "tournament_id"),
    ("arena_leaderboard", "tournament_id limit"),
    ("arena_set_client_seed", "client_seed"),
    (
        "prediction_markets",
        "status market_type category limit offset",
    ),
    ("prediction_market", "market_id"),
    (
        "prediction_place_bet",
        "market_id position amount_sats expected_odds_pct expected_line_version idempotency_key",
    ),
    ("prediction_my_bets", "status agent_id limit offset"),
    ("prediction_positions", ""),
    ("withdraw_from_agent", ""),
    ("transfer_between_agents", ""),
    ("export_transactions", "format start_date end_date"),
    ("get_agent_analytics", "period"),
];

const ALBY: Listed = &[
    ("get_balance", ""),
    ("get_info", ""),
    ("get_wallet_service_info", ""),
    ("list_transactions", "from until limit offset type unpaid"),
    ("lookup_invoice", "payment_hash invoice"),
    (
        "make_invoice",
        "amount_in_sats expiry description description_hash metadata",
    ),
    ("pay_invoice", "invoice amount_in_sats metadata"),
    ("fetch_l402", "url method body"),
    ("fiat_to_sats", "fiat_currency fiat_amount"),
    ("parse_invoice", "invoice"),
    (
        "request_invoice",
        "lightning_address amount_in_sats description payer_data",
    ),
    ("search_l402_services", "query category"),
];

const LIGHTNING_ENABLE: Listed = &[
    (
        "access_l402_resource",
        "url method headers body max_sats confirmed",
    ),
    ("pay_l402_challenge", "invoice macaroon max_sats"),
    ("check_wallet_balance", ""),
    ("get_payment_history", "limit since"),
    ("configure_budget", "per_request per_session"),
    ("pay_invoice", "invoice max_sats confirmed"),
    ("create_invoice", "amount_sats memo expiry_secs"),
    ("check_invoice_status", "invoice_id"),
    ("get_all_balances", ""),
    ("get_btc_price", ""),
    (
        "exchange_currency",
        "source_currency target_currency amount",
    ),
    ("send_onchain", "address amount_sats"),
    ("get_budget_status", ""),
    ("create_l402_challenge", "resource price_sats description"),
    ("verify_l402_payment", "macaroon preimage"),
    ("confirm_payment", "nonce"),
    ("discover_api", "url query category budget_aware"),
];

const LNGET: Listed = &[
    ("download", "url output"),
    ("dry_run", "url"),
    ("tokens_list", ""),
    ("tokens_show", "domain"),
    ("tokens_remove", "domain"),
    ("ln_status", ""),
    ("events_list", "limit offset domain status"),
    ("events_stats", ""),
    ("config_show", ""),
];

/// The parameters that are accepted beyond those of the list: other versions of the same wallet have them.
const MORE: &[(&str, &str)] = &[
    ("request_invoice", "amount"),
    ("access_l402_resource", "confirmation_nonce"),
    ("pay_invoice", "confirmation_nonce"),
];

fn listed(profile: Profile) -> Listed {
    match profile {
        Profile::LightningWallet => LIGHTNING_WALLET,
        Profile::Alby => ALBY,
        Profile::LightningEnable => LIGHTNING_ENABLE,
        Profile::Lnget => LNGET,
    }
}

fn row_of(profile: Profile, name: &str) -> Option<&'static Row> {
    profile.rows().iter().find(|row| row.name == name)
}

#[test]
fn every_tool_and_parameter_of_the_other_wallets_has_its_answer() {
    let mut wrong = Vec::new();
    for profile in Profile::ALL {
        for (name, parameters) in listed(profile) {
            let (row, why) = (row_of(profile, name), profile.why_absent(name));
            if row.is_some() == why.is_some() {
                wrong.push(format!("{profile:?} {name}: both or neither"));
            }
            for parameter in parameters.split_whitespace() {
                let is_known = |row: &Row| row.parameters.iter().any(|it| it.name == parameter);
                if row.is_some_and(|row| !is_known(row)) {
                    wrong.push(format!("{profile:?} {name} {parameter}"));
                }
            }
        }
        for row in profile.rows() {
            let entry = listed(profile).iter().find(|(name, _)| *name == row.name);
            let Some((_, parameters)) = entry else {
                wrong.push(format!("{profile:?} {} is in no list", row.name));
                continue;
            };
            for parameter in row.parameters {
                let is_listed = parameters.split_whitespace().any(|it| it == parameter.name)
                    || MORE.contains(&(row.name, parameter.name));
                if !is_listed {
                    wrong.push(format!(
                        "{profile:?} {} {} is in no list",
                        row.name, parameter.name
                    ));
                }
            }
        }
        for (_, names) in profile.absent() {
            let unlisted = names
                .iter()
                .filter(|name| listed(profile).iter().all(|it| it.0 != **name));
            wrong.extend(unlisted.map(|name| format!("{profile:?} {name} is in no list")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_page_is_the_one_on_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mcp-compat.md");
    let page = page();
    if std::env::var_os("UPDATE_PAGES").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let on_file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        on_file == page,
        "UPDATE_PAGES=1 writes docs/mcp-compat.md anew"
    );
}

const HEAD: &str = "\
# Names of other wallets

`l402 mcp --compat NAME` serves the names, parameters and result keys of another wallet's MCP server in place
of our eleven tools, for agents and prompts that were written for it. `l402_resume` stands beside them: it
gets what was paid and not answered. A test writes this page from the tables that the program serves.

Each tool asks one of our own, so limits, approvals and records are the same under every name:

- No argument approves a payment, raises a limit or names another agent.
- A payment whose outcome is not known yet is its own result, and no error. A payment that waits for a person
  is, too: the same call again, once it is approved, pays.
- Preimages, tokens and keys are in no result, unless `client.toml` has `danger_show_secrets`.
- Keys that hold words of strangers are named under `untrusted`. Beside their own keys, results may have
  `outcome`, `replayed`, `paid_at` and `notes` of ours. A key whose value is not known is left out.
- Paying tools also take `idempotency_key`.
- A call of a tool that is not ours is answered with the reason. Those tools are in no list, since every
  client pays for reading a list.

A parameter with an asterisk is required. The lists of the other wallets are those of November 2026.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for profile in Profile::ALL {
        let name = profile.name();
        let total = listed(profile).len();
        let served = profile.rows().len();
        let _ = write!(
            page,
            "\n## `--compat {name}`\n\n{served} of {total} names are answered as tools, the others with a reason.\n\n\
             | Tool | Parameter | Here |\n|---|---|---|\n"
        );
        for (tool, parameters) in listed(profile) {
            match row_of(profile, tool) {
                Some(row) => served_rows(&mut page, row),
                None => {
                    let why = profile.why_absent(tool).unwrap_or_default();
                    let parameters = parameters.split_whitespace().map(|it| format!("`{it}`"));
                    let parameters = parameters.collect::<Vec<_>>().join(", ");
                    let _ = writeln!(page, "| `{tool}` | {parameters} | not ours: \"{why}\" |");
                }
            }
        }
    }
    page
}

fn served_rows(page: &mut String, row: &Row) {
    let by = match row.work {
        Work::Tool(name) => format!("served by `{name}`"),
        Work::PayAddress => {
            "served: the address is asked for an invoice, which `pay_invoice` pays".to_owned()
        }
        Work::AskAddress => "served: the address is asked for an invoice".to_owned(),
        Work::Narrow => "served: lowers the limits of this run".to_owned(),
        Work::LookUpEither => "served by `lookup_payment`".to_owned(),
        Work::Refuse(words) => format!("refused: \"{words}\""),
    };
    let keys = row
        .result
        .iter()
        .map(|Field(key, _)| format!("`{key}`"))
        .collect::<Vec<_>>();
    let keys = match keys.as_slice() {
        [] => String::new(),
        keys => format!(". Keys: {}", keys.join(", ")),
    };
    let differs = match row.differs {
        "" => String::new(),
        differs => format!(". Differs: {differs}"),
    };
    let _ = writeln!(page, "| `{}` | | {by}{keys}{differs} |", row.name);
    for parameter in row.parameters {
        let Parameter {
            name, is_required, ..
        } = parameter;
        let star = if *is_required { "\\*" } else { "" };
        let here = match parameter.fate {
            _ if matches!(row.work, Work::Refuse(_)) => "not read".to_owned(),
            Fate::To(to) if to == *name => "served".to_owned(),
            Fate::To(to) => format!("served, as `{to}`"),
            Fate::Or(to, number) if to == *name => format!("served; {number} if it is not given"),
            Fate::Or(to, number) => format!("served, as `{to}`; {number} if it is not given"),
            Fate::Ignored(words) => format!("accepted, changes nothing: \"{words}\""),
            Fate::Refused(words) => format!("refused: \"{words}\""),
        };
        let _ = writeln!(page, "| | `{name}`{star} | {here} |");
    }
}
