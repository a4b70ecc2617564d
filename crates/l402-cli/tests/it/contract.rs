//! The contract that must not change without notice: help, exit codes, completions.

use std::path::{Path, PathBuf};

use l402_cli::exit_code::ExitCode;
use l402_lightning::NodeForm;

use crate::program::Home;

pub(crate) const COMMANDS: &[(&str, &[&str])] = &[
    ("l402", &[]),
    ("admin", &["admin"]),
    ("admin-audit", &["admin", "audit"]),
    ("admin-config", &["admin", "config"]),
    ("admin-drain", &["admin", "drain"]),
    ("admin-health", &["admin", "health"]),
    ("admin-keys", &["admin", "keys"]),
    ("admin-limits", &["admin", "limits"]),
    ("admin-metrics", &["admin", "metrics"]),
    ("admin-open", &["admin", "open"]),
    ("admin-payments", &["admin", "payments"]),
    ("admin-price", &["admin", "price"]),
    ("admin-prices", &["admin", "prices"]),
    ("admin-reload", &["admin", "reload"]),
    ("admin-retire", &["admin", "retire"]),
    ("admin-revocations", &["admin", "revocations"]),
    ("admin-revoke", &["admin", "revoke"]),
    ("admin-rotate", &["admin", "rotate"]),
    ("admin-routes", &["admin", "routes"]),
    ("admin-sales", &["admin", "sales"]),
    ("admin-services", &["admin", "services"]),
    ("admin-token", &["admin", "token"]),
    ("admin-tokens", &["admin", "tokens"]),
    ("agent", &["agent"]),
    ("agent-add", &["agent", "add"]),
    ("agent-list", &["agent", "list"]),
    ("agent-mandate", &["agent", "mandate"]),
    ("agent-passphrase", &["agent", "passphrase"]),
    ("agent-remove", &["agent", "remove"]),
    ("agent-show", &["agent", "show"]),
    ("approve", &["approve"]),
    ("backup", &["backup"]),
    ("books", &["books"]),
    ("books-verify", &["books", "verify"]),
    ("budget", &["budget"]),
    ("budget-resume", &["budget", "resume"]),
    ("budget-set", &["budget", "set"]),
    ("budget-show", &["budget", "show"]),
    ("budget-stop", &["budget", "stop"]),
    ("completions", &["completions"]),
    ("demo", &["demo"]),
    ("doctor", &["doctor"]),
    ("get", &["get"]),
    ("keys", &["keys"]),
    ("keys-export", &["keys", "export"]),
    ("keys-list", &["keys", "list"]),
    ("keys-retire", &["keys", "retire"]),
    ("keys-rotate", &["keys", "rotate"]),
    #[cfg(feature = "postgres")]
    ("ledger", &["ledger"]),
    #[cfg(feature = "postgres")]
    ("ledger-copy", &["ledger", "copy"]),
    ("man", &["man"]),
    ("mcp", &["mcp"]),
    #[cfg(feature = "ldk")]
    ("node", &["node"]),
    #[cfg(feature = "ldk")]
    ("node-address", &["node", "address"]),
    #[cfg(feature = "ldk")]
    ("node-backup", &["node", "backup"]),
    #[cfg(feature = "ldk")]
    ("node-balance", &["node", "balance"]),
    #[cfg(feature = "ldk")]
    ("node-channels", &["node", "channels"]),
    #[cfg(feature = "ldk")]
    ("node-close", &["node", "close"]),
    #[cfg(feature = "ldk")]
    ("node-init", &["node", "init"]),
    #[cfg(feature = "ldk")]
    ("node-invoice", &["node", "invoice"]),
    #[cfg(feature = "ldk")]
    ("node-open", &["node", "open"]),
    #[cfg(feature = "ldk")]
    ("node-run", &["node", "run"]),
    ("payments", &["payments"]),
    ("payments-resolve", &["payments", "resolve"]),
    ("payments-resume", &["payments", "resume"]),
    ("proxy", &["proxy"]),
    ("receipts", &["receipts"]),
    ("receipts-verify", &["receipts", "verify"]),
    #[cfg(feature = "registry")]
    ("registry", &["registry"]),
    #[cfg(feature = "registry")]
    ("registry-add", &["registry", "add"]),
    #[cfg(feature = "registry")]
    ("registry-announce", &["registry", "announce"]),
    #[cfg(feature = "registry")]
    ("registry-answer", &["registry", "answer"]),
    #[cfg(feature = "registry")]
    ("registry-backup", &["registry", "backup"]),
    #[cfg(feature = "registry")]
    ("registry-claim", &["registry", "claim"]),
    #[cfg(feature = "registry")]
    ("registry-edit", &["registry", "edit"]),
    #[cfg(feature = "registry")]
    ("registry-export", &["registry", "export"]),
    #[cfg(feature = "registry")]
    ("registry-import", &["registry", "import"]),
    #[cfg(feature = "registry")]
    ("registry-moderate", &["registry", "moderate"]),
    #[cfg(feature = "registry")]
    ("registry-moderate-ban", &["registry", "moderate", "ban"]),
    #[cfg(feature = "registry")]
    ("registry-moderate-hide", &["registry", "moderate", "hide"]),
    #[cfg(feature = "registry")]
    (
        "registry-moderate-merge",
        &["registry", "moderate", "merge"],
    ),
    #[cfg(feature = "registry")]
    (
        "registry-moderate-unban",
        &["registry", "moderate", "unban"],
    ),
    #[cfg(feature = "registry")]
    (
        "registry-moderate-unhide",
        &["registry", "moderate", "unhide"],
    ),
    #[cfg(feature = "registry")]
    ("registry-own", &["registry", "own"]),
    #[cfg(feature = "registry")]
    ("registry-remove", &["registry", "remove"]),
    #[cfg(feature = "registry")]
    ("registry-review", &["registry", "review"]),
    #[cfg(feature = "registry")]
    ("registry-revoke", &["registry", "revoke"]),
    #[cfg(feature = "registry")]
    ("registry-search", &["registry", "search"]),
    #[cfg(feature = "registry")]
    ("registry-serve", &["registry", "serve"]),
    #[cfg(feature = "registry")]
    ("registry-show", &["registry", "show"]),
    #[cfg(feature = "registry")]
    ("registry-transfer", &["registry", "transfer"]),
    ("replay", &["replay"]),
    ("restore", &["restore"]),
    ("revoke", &["revoke"]),
    ("sales", &["sales"]),
    ("sandbox", &["sandbox"]),
    ("serve", &["serve"]),
    ("skill", &["skill"]),
    ("token", &["token"]),
    ("token-inspect", &["token", "inspect"]),
    ("tokens", &["tokens"]),
    ("tokens-attenuate", &["tokens", "attenuate"]),
    ("tokens-export", &["tokens", "export"]),
    ("tokens-forget", &["tokens", "forget"]),
    ("tokens-list", &["tokens", "list"]),
    ("tokens-show", &["tokens", "show"]),
    ("wallet", &["wallet"]),
    ("wallet-add", &["wallet", "add"]),
    ("wallet-balance", &["wallet", "balance"]),
    ("wallet-fund", &["wallet", "fund"]),
    ("wallet-list", &["wallet", "list"]),
    ("wallet-pay", &["wallet", "pay"]),
    ("wallet-remove", &["wallet", "remove"]),
    ("wallet-test", &["wallet", "test"]),
    ("wallet-use", &["wallet", "use"]),
    ("webhooks", &["webhooks"]),
    ("webhooks-list", &["webhooks", "list"]),
    ("webhooks-log", &["webhooks", "log"]),
    ("webhooks-replay", &["webhooks", "replay"]),
    ("webhooks-test", &["webhooks", "test"]),
];

fn snapshot(name: &str) -> PathBuf {
    // The list of commands, and the demo's flags, are the helps that features change.
    let features = [
        ("-ldk", cfg!(feature = "ldk")),
        ("-postgres", cfg!(feature = "postgres")),
        ("-registry", cfg!(feature = "registry")),
    ];
    let mut name = name.to_owned();
    for (feature, is_on) in features {
        if is_on && (name.starts_with("l402") || name == "demo" && feature == "-registry") {
            name += feature;
        }
    }
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/snapshots")
        .join(format!("{name}.txt"))
}

/// `UPDATE_SNAPSHOTS=1 cargo test -p l402-cli` writes the files anew.
// FAULTS G13: the help of `serve` says when the time of `time=1h` begins.
#[test]
fn the_help_of_every_command_is_the_one_on_file() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1");
    let home = Home::new();
    let mut changed = Vec::new();
    for (name, command) in COMMANDS {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = home.run(&args).expect(0).stdout;
        if update {
            std::fs::write(snapshot(name), &help).expect("the snapshot can be written");
        }
        if std::fs::read_to_string(snapshot(name)).unwrap_or_default() != help {
            changed.push(*name);
        }
    }
    assert!(
        changed.is_empty(),
        "changed: {changed:?}; UPDATE_SNAPSHOTS=1 writes them anew"
    );
}

#[test]
fn every_command_teaches_with_an_example() {
    let home = Home::new();
    for (name, command) in COMMANDS {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = home.run(&args).expect(0).stdout;
        assert!(help.contains("Examples:\n  "), "{name}");
    }
}

#[test]
fn the_documented_exit_codes_are_those_of_the_program() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/exit-codes.md");
    let page = std::fs::read_to_string(page).expect("docs/exit-codes.md");
    let documented: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    let table: Vec<String> = ExitCode::all()
        .iter()
        .map(|code| format!("| {} | `{}` | {} |", code.number, code.name, code.meaning))
        .collect();
    assert_eq!(documented, table);
}

#[test]
fn the_documented_forms_of_a_wallet_are_those_of_the_program() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = std::fs::read_to_string(page).expect("docs/cli.md");
    let (_, section) = page
        .split_once("## Wallets and nodes")
        .expect("the section");
    let documented: Vec<&str> = section
        .lines()
        .skip_while(|line| !line.starts_with("| `"))
        .take_while(|line| line.starts_with("| `"))
        .collect();
    let table = NodeForm::ALL.map(|form| {
        let limit = match (form.receives, form.pays) {
            (false, _) => " (paying only)",
            (_, false) => " (receiving only)",
            (true, true) => "",
        };
        format!("| `{}` | {}{limit} |", form.brief, form.meaning)
    });
    assert_eq!(documented, table);
}

/// Scripts rely on the numbers: a change here breaks them.
const NUMBERS: &[(&str, u8)] = &[
    ("OK", 0),
    ("INTERNAL", 1),
    ("PAYMENT_REQUIRED", 10),
    ("OVER_BUDGET", 11),
    ("DECLINED", 12),
    ("PAYMENT_FAILED", 13),
    ("PAYMENT_UNKNOWN", 14),
    ("PAID_NO_ANSWER", 15),
    ("PAID_WITHOUT_PROOF", 16),
    ("WALLET_UNAVAILABLE", 17),
    ("NOT_WELL_FORMED", 18),
    ("PAID_REFUSED", 19),
    ("RATE_LIMITED", 20),
    ("NO_PRICE", 21),
    ("HTTP_ERROR", 22),
    ("ADDRESS_IN_USE", 23),
    ("UNSAFE_FILE", 24),
    ("NEWER_FILE", 25),
    ("OTHER_LEDGER", 26),
    ("REGISTRY_REFUSED", 27),
    ("BOOKS_DIFFER", 28),
    ("BOOKS_NOT_COMPARED", 29),
    ("REFUSED", 30),
    ("REFUSED_AMOUNTLESS", 31),
    ("REFUSED_AMBIGUOUS", 32),
    ("REFUSED_CHALLENGE_TOO_LARGE", 33),
    ("REFUSED_INSECURE_ORIGIN", 34),
    ("REFUSED_INVOICE_EXPIRED", 35),
    ("REFUSED_INVOICE_MALFORMED", 36),
    ("REFUSED_INVOICE_SIGNATURE", 37),
    ("REFUSED_INVOICE_FROM_FUTURE", 38),
    ("REFUSED_NOTHING_PAYABLE", 39),
    ("REFUSED_REDIRECTED", 40),
    ("REFUSED_CHALLENGE_MALFORMED", 41),
    ("REFUSED_WRONG_AMOUNT", 42),
    ("REFUSED_WRONG_HASH", 43),
    ("REFUSED_WRONG_NETWORK", 44),
    ("REFUSED_CREDENTIAL_GIVEN", 45),
    ("REFUSED_AUTHORIZATION_TAKEN", 46),
    ("REFUSED_OWN_ADDRESS", 47),
    ("REFUSED_SELLER_STOPPED", 48),
    ("REFUSED_BUDGET_STOPPED", 49),
    ("REFUSED_BY_HOOK", 50),
    ("REFUSED_PAYEE_CHANGED", 51),
    ("REFUSED_PRIVATE_ADDRESS", 52),
    ("REFUSED_UNVERIFIED_SERVER", 53),
    ("REFUSED_NOT_OPERATOR", 54),
    ("USAGE", 64),
    ("UNAVAILABLE", 69),
    ("LOCAL_IO", 74),
    ("GATEWAY_REFUSED", 77),
    ("CONFIGURATION", 78),
    ("INTERRUPTED", 130),
    ("TERMINATED", 143),
];

#[test]
fn exit_codes_keep_their_numbers() {
    let numbers: Vec<(&str, u8)> = ExitCode::all()
        .iter()
        .map(|code| (code.name, code.number))
        .collect();
    assert_eq!(numbers, NUMBERS);
}

#[test]
fn completions_know_the_commands_of_each_shell() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = home.run(&["completions", shell]).expect(0).stdout;
        for word in ["demo", "payments", "max-price", "new-master", "restore"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn a_line_that_cannot_be_understood_is_usage() {
    let home = Home::new();
    for args in [
        &["nonsense"][..],
        &["get"],
        &["get", "http://127.0.0.1:1/", "--no-such-flag"],
        &["get", "ftp://127.0.0.1/"],
        &["serve"],
        &["payments", "--state", "lost"],
    ] {
        let ran = home.run(args).expect(64);
        assert!(ran.stderr.starts_with("error[usage]: "), "{ran:#?}");
    }
}

#[test]
fn a_bare_price_is_refused_with_the_mend() {
    let home = Home::new();
    let args = ["serve", "--upstream", "http://127.0.0.1:1", "--price", "50"];
    let ran = home.run(&args).expect(64);
    assert!(ran.stderr.contains("50 sat"), "{ran:#?}");
    let args = [
        "serve",
        "--upstream",
        "http://127.0.0.1:1",
        "--price",
        "-1 sat",
    ];
    let ran = home.run(&args).expect(64);
    assert!(ran.stderr.contains("--price"), "{ran:#?}");
    assert!(!home.path().join("home").exists());
}

#[test]
fn errors_are_json_where_a_machine_reads() {
    let home = Home::new();
    let error = home.run(&["token", "inspect", "%%%"]).expect(64).json();
    assert_eq!(error["error"], "usage");
    assert_eq!(error["exit_code"], 64);
    assert_eq!(error["no_money_moved"], true);
}

/// The words of a line as a shell reads it, which knows double quotation marks.
pub(crate) fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

// FAULTS T18: the commands of the README work in their order, while the demo has its ports.
#[test]
fn what_the_readme_serves_listens_beside_the_demo() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("README.md");
    // The other names a stored wallet, which is not here.
    let lines: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("    l402 serve --upstream") && !line.contains("--node"))
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let home = Home::new();
    for line in lines {
        let words = words(line);
        let mut args: Vec<_> = words.iter().skip(1).map(String::as_str).collect();
        args.push("--check");
        let listen = home.run(&args).expect(0).json()["listen"][0].clone();
        let address = listen.as_str().expect("an address");
        assert!(
            !address.ends_with(":8402") && !address.ends_with(":8403"),
            "{line}"
        );
    }
}
