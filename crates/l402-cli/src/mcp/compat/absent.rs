//! The names of other wallets that are not served. They are in no list, so that no client pays for reading
//! them; a call is answered with the reason.

use super::profile::Profile;

const OPERATOR: &str = "a person decides this, never a tool";
const ACCOUNT: &str = "there is no account: the wallet is the operator's own";
const WALLET: &str = "a person chooses and funds the wallet: `l402 wallet`";
const AGENTS: &str = "a person makes agents, limits and mandates: `l402 agent`";
const NOT_OURS: &str = "this is no business of a wallet that pays for web requests";
const FIAT: &str = "this wallet knows no exchange rates and no other currencies";
const SELLING: &str = "selling is done by `l402 serve`";
const ONCHAIN: &str = "this wallet pays over Lightning alone";

/// Names with the reason why each is not served.
type Group = (&'static str, &'static [&'static str]);

const LIGHTNING_WALLET: &[Group] = &[
    (
        ACCOUNT,
        &[
            "register_operator",
            "update_operator",
            "claim_promo",
            "recover_account",
            "rotate_api_key",
            "set_operator_key",
            "set_agent_credentials",
            "forget_credentials",
        ],
    ),
    (
        WALLET,
        &[
            "get_deposit_invoice",
            "create_withdraw_link",
            "claim_lnurl_withdraw",
        ],
    ),
    (
        AGENTS,
        &[
            "create_agent",
            "fund_agent",
            "deactivate_agent",
            "reactivate_agent",
            "sweep_agent",
            "transfer_to_agent",
            "delete_agent",
            "withdraw_from_agent",
            "transfer_between_agents",
        ],
    ),
    (
        NOT_OURS,
        &[
            "register_webhook",
            "list_webhooks",
            "delete_webhook",
            "test_webhook",
            "set_nostr_identity",
            "get_nostr_identity",
            "nostr_zap",
            "lnurl_auth",
            "board_read",
            "board_post",
            "board_reply",
            "board_vote",
            "arena_list",
            "arena_fairness",
            "arena_reveal_seed",
            "arena_join",
            "arena_play",
            "arena_entry",
            "arena_leaderboard",
            "arena_set_client_seed",
            "prediction_markets",
            "prediction_market",
            "prediction_place_bet",
            "prediction_my_bets",
            "prediction_positions",
        ],
    ),
    (
        "`l402 payments --json` on the command line lists and filters them",
        &["export_transactions", "get_agent_analytics"],
    ),
];

const ALBY: &[Group] = &[(FIAT, &["fiat_to_sats"])];

const LIGHTNING_ENABLE: &[Group] = &[
    (FIAT, &["get_btc_price", "exchange_currency"]),
    (ONCHAIN, &["send_onchain"]),
    (SELLING, &["create_l402_challenge", "verify_l402_payment"]),
];

const LNGET: &[Group] = &[(OPERATOR, &["tokens_remove"])];

impl Profile {
    /// Returns the names that are not served, in groups.
    pub(super) const fn absent(self) -> &'static [Group] {
        match self {
            Self::LightningWallet => LIGHTNING_WALLET,
            Self::Alby => ALBY,
            Self::LightningEnable => LIGHTNING_ENABLE,
            Self::Lnget => LNGET,
        }
    }

    /// Returns the reason why a name is not served, if it is one of the other wallet.
    pub(super) fn why_absent(self, name: &str) -> Option<&'static str> {
        let found = self
            .absent()
            .iter()
            .find(|(_, names)| names.contains(&name));
        found.map(|(why, _)| *why)
    }
}
