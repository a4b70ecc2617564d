//! The operator's passphrase: which commands ask for it, and from where it is taken.

use std::process::Command;

use l402_client::{Agent, BudgetLimits, Journal};

use crate::program::{AtTerminal, Home, Ran, copy_environment};

/// A passphrase of these tests.
pub(crate) const PASSPHRASE: &str = "correct-horse";

/// Commands that let more be spent, that change who may say so, or that take all secrets out of the home,
/// each with arguments that are complete.
const GATED: &[&str] = &[
    "agent add new --per-day 5sat",
    "agent mandate ann --up-to 5sat",
    "agent mandate ann --end 1",
    "agent passphrase",
    "agent remove ann",
    "backup copy.tar",
    "budget resume",
    "budget set default --per-day 5sat --yes",
    "budget set new --parent none --yes",
    #[cfg(feature = "ldk")]
    "node close 5f0c",
    #[cfg(feature = "ldk")]
    "node open 02ab@127.0.0.1:9735 5000sat",
    "restore copy.tar --replace",
    "wallet add new --kind nwc --secret-stdin --no-check --default",
    "wallet remove new --yes",
    "wallet use --none",
    "wallet use sandbox",
];

/// Commands that ask for it on their own terms: `approve` once it has shown a payment, and never for a
/// list.
const ASKS_ITSELF: &[&str] = &["approve"];

/// Commands that let nothing be spent beyond what is stored, and why.
const FREE: &[&str] = &[
    // They show.
    "agent list",
    "agent show",
    "budget show",
    "completions",
    "doctor",
    "man",
    "payments",
    "receipts verify",
    "replay",
    "token inspect",
    "tokens list",
    "tokens show",
    "version",
    "wallet balance",
    "wallet list",
    "wallet test",
    // They spend less.
    "budget stop",
    "tokens forget",
    // They spend within the limits, or use what was paid for.
    "demo",
    "get",
    "mcp",
    "payments resolve",
    "payments resume",
    "proxy",
    "tokens attenuate",
    "tokens export",
    "wallet pay",
    // A directory: they show, and what they write spends nothing. `claim` has a node sign a message that names
    // a registry, which is no payment; `serve` buys only within the budget of its configuration.
    #[cfg(feature = "registry")]
    "registry add",
    #[cfg(feature = "registry")]
    "registry announce",
    #[cfg(feature = "registry")]
    "registry answer",
    #[cfg(feature = "registry")]
    "registry backup",
    #[cfg(feature = "registry")]
    "registry claim",
    #[cfg(feature = "registry")]
    "registry edit",
    #[cfg(feature = "registry")]
    "registry export",
    #[cfg(feature = "registry")]
    "registry import",
    #[cfg(feature = "registry")]
    "registry moderate ban",
    #[cfg(feature = "registry")]
    "registry moderate hide",
    #[cfg(feature = "registry")]
    "registry moderate merge",
    #[cfg(feature = "registry")]
    "registry moderate unban",
    #[cfg(feature = "registry")]
    "registry moderate unhide",
    #[cfg(feature = "registry")]
    "registry own",
    #[cfg(feature = "registry")]
    "registry remove",
    #[cfg(feature = "registry")]
    "registry review",
    #[cfg(feature = "registry")]
    "registry revoke",
    #[cfg(feature = "registry")]
    "registry search",
    #[cfg(feature = "registry")]
    "registry serve",
    #[cfg(feature = "registry")]
    "registry show",
    #[cfg(feature = "registry")]
    "registry transfer",
    // They sell, or are play money. The listener for operators belongs to what sells, and can spend nothing.
    "admin audit",
    "admin config",
    "admin drain",
    "admin health",
    "admin keys",
    "admin limits",
    "admin metrics",
    "admin open",
    "admin payments",
    "admin price",
    "admin prices",
    "admin reload",
    "admin retire",
    "admin revocations",
    "admin revoke",
    "admin rotate",
    "admin routes",
    "admin sales",
    "admin services",
    "admin token",
    "admin tokens",
    "keys export",
    "keys list",
    "keys retire",
    "keys rotate",
    "revoke",
    #[cfg(feature = "postgres")]
    "ledger copy",
    // What was sold, and if it adds up.
    "books verify",
    "sales",
    // Who is told of it.
    "webhooks list",
    "webhooks log",
    "webhooks replay",
    "webhooks test",
    "sandbox",
    "serve",
    "skill",
    "wallet fund",
    // A node of its own: what it spends by invoices is counted, and its coins are gated.
    "node address",
    "node backup",
    "node balance",
    "node channels",
    "node init",
    "node invoice",
    "node run",
];

/// A home with an agent and its passphrase, as a person makes it.
pub(crate) fn sealed() -> Home {
    let home = Home::new();
    add_first(&home, "agent add ann --per-day 500sat");
    home
}

/// Adds the first agent at a terminal.
pub(crate) fn add_first(home: &Home, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut terminal = AtTerminal::start(home, &words);
    terminal.answer("New passphrase", PASSPHRASE);
    terminal.answer("once more", PASSPHRASE);
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    assert!(!shown.contains(PASSPHRASE), "{shown}");
}

/// Runs a line at a terminal where the passphrase is typed.
pub(crate) fn as_operator(home: &Home, line: &str) -> (Option<i32>, String) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut terminal = AtTerminal::start(home, &words);
    terminal.answer("Operator's passphrase", PASSPHRASE);
    terminal.end()
}

/// Runs a line as a model with a shell does: without a terminal, and with whatever a text may be put
/// into.
pub(crate) fn as_model(home: &Home, line: &str) -> Ran {
    let words: Vec<&str> = line.split_whitespace().collect();
    let program = home.command(&words);
    // A process that a person's terminal started would have that terminal.
    let mut command = Command::new("setsid");
    command.arg("--wait").arg(program.get_program());
    command.args(program.get_args());
    copy_environment(&program, &mut command);
    for name in ["L402_PASSPHRASE", "L402_OPERATOR", "PASSPHRASE", "L402_YES"] {
        command.env(name, PASSPHRASE);
    }
    let file = home.file("typed", &format!("{PASSPHRASE}\n{PASSPHRASE}\ny\n"));
    command.stdin(std::fs::File::open(file).expect("a file"));
    Ran::of(command.output().expect("setsid"))
}

fn journal(home: &Home) -> Journal {
    Journal::open(&home.path().join("home/client")).expect("a journal")
}

/// What stands in a home that a command could have changed.
fn picture(home: &Home) -> String {
    let journal = journal(home);
    let wallets = std::fs::read_dir(home.path().join("home/wallets"));
    let wallets: Vec<_> = wallets
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path())
        .collect();
    format!(
        "{:?} {:?} {:?} {wallets:?}",
        journal.agents(),
        journal.budgets(),
        journal.operator_hash()
    )
}

/// The names of all commands that do something.
fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let mut is_leaf = true;
    for below in command
        .get_subcommands()
        .filter(|it| it.get_name() != "help")
    {
        // `payments` lists without a command below it.
        is_leaf = !command.is_subcommand_required_set();
        leaves(below, &format!("{path} {}", below.get_name()), found);
    }
    if is_leaf {
        found.push(path.trim().to_owned());
    }
}

/// Each command is gated or free, and no new one is neither.
#[test]
fn every_command_stands_in_one_of_the_lists() {
    let mut found = Vec::new();
    leaves(&l402_cli::command_line(), "", &mut found);
    assert!(found.len() > 30, "{found:?}");
    for name in &found {
        let is_gated = GATED.iter().any(|line| {
            let rest = line.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        let lists = [
            is_gated,
            FREE.contains(&&**name),
            ASKS_ITSELF.contains(&&**name),
        ];
        let count = lists.into_iter().filter(|is_in| *is_in).count();
        assert_eq!(count, 1, "{name}");
    }
}

// ATTACKS A-12: no command that a model can run widens anything.
#[test]
fn a_model_with_a_shell_is_not_the_operator() {
    let home = sealed();
    let before = picture(&home);
    for line in GATED {
        let ran = as_model(&home, line).expect(54);
        assert_eq!(ran.json()["error"], "not_operator", "{line}");
        assert!(ran.stderr.contains("no money moved"), "{line}: {ran:#?}");
        assert_eq!(picture(&home), before, "{line}");
    }
    for line in [
        "agent list",
        "agent show ann",
        "budget show",
        "approve",
        "budget stop ann",
    ] {
        as_model(&home, line).expect(0);
    }
    as_model(&home, "budget resume ann").expect(54);
}

/// Before there is an agent, nobody is asked, and no journal is made for the question.
#[test]
fn without_agents_nobody_is_asked() {
    let home = Home::new();
    as_model(&home, "wallet use sandbox").expect(0);
    assert!(!home.path().join("home/client").exists());
    as_model(&home, "budget set default --per-day 5000sat").expect(0);
    // The first agent needs a terminal, to choose a passphrase at.
    let ran = as_model(&home, "agent add ann --per-day 5sat").expect(54);
    assert!(ran.stderr.contains("terminal"), "{ran:#?}");
    assert!(journal(&home).agents().expect("agents").is_empty());
}

#[test]
fn the_operator_goes_on_with_the_passphrase_and_nobody_with_another() {
    let home = sealed();
    let (status, shown) = as_operator(&home, "budget set default --per-day 50sat");
    assert_eq!(status, Some(0), "{shown}");
    assert!(!shown.contains(PASSPHRASE), "{shown}");
    let words = ["budget", "set", "default", "--per-day", "60sat", "--yes"];
    let mut terminal = AtTerminal::start(&home, &words);
    for _ in 0..3 {
        terminal.answer("Operator's passphrase", "wrong-horse");
    }
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(54), "{shown}");
    // The count is of all processes: two more are looked at, and then none for a while.
    let mut terminal = AtTerminal::start(&home, &words);
    for _ in 0..3 {
        terminal.answer("Operator's passphrase", "wrong-horse");
    }
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(54), "{shown}");
    assert!(shown.contains("too many wrong passphrases"), "{shown}");
    let (status, shown) = as_operator(&home, "budget set default --per-day 60sat --yes");
    assert_eq!(status, Some(54), "{shown}");
    let shown = home.run(&["budget", "show", "default"]).expect(0).json();
    assert_eq!(shown["limits"]["per_day"]["limit_msat"], 50_000);
}

/// A program in the person's own terminal chooses where the output of a command leads, but not what stands
/// before the passphrase: what it is asked for.
#[test]
fn what_the_passphrase_is_asked_for_stands_where_it_is_typed() {
    let home = sealed();
    let words = [
        "budget",
        "set",
        "default",
        "--per-day",
        "50sat",
        ">/dev/null",
    ];
    let mut terminal = AtTerminal::start(&home, &[&words[..], &["2>&1"]].concat());
    terminal.answer("Operator's passphrase", PASSPHRASE);
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    assert!(
        shown.starts_with("l402 budget set default --per-day 50sat\r\n"),
        "{shown}"
    );
    let hosts = ["a.example"; 200].join(",");
    let long = [
        "agent", "mandate", "ann", "--hosts", &hosts, "--up-to", "1sat",
    ];
    let ran = as_operator_without_question(&home, &long);
    assert_eq!(ran.0, Some(54), "{}", ran.1);
}

/// A question that stands since before the first agent widens nothing afterwards.
#[test]
fn a_yes_to_a_question_of_before_the_first_agent_is_none() {
    let home = Home::new();
    let set = ["budget", "set", "default", "--per-request", "10sat"];
    home.run(&[&set[..], &["--per-day", "20sat", "--yes"]].concat())
        .expect(0);
    let mut early = AtTerminal::start(&home, &["budget", "set", "default", "--per-day", "9000sat"]);
    early.see("Go on?");
    add_first(&home, "agent add ann --per-day 500sat");
    early.answer("[y/N]", "y");
    let (status, shown) = early.end();
    assert_ne!(status, Some(0), "{shown}");
    let shown = home.run(&["budget", "show", "default"]).expect(0).json();
    assert_eq!(shown["limits"]["per_day"]["limit_msat"], 20_000);
}

/// Runs at a terminal what is refused before the passphrase is asked.
fn as_operator_without_question(home: &Home, words: &[&str]) -> (Option<i32>, String) {
    let mut terminal = AtTerminal::start(home, words);
    assert!(!terminal.answer_or_end("Operator's passphrase", PASSPHRASE));
    terminal.end()
}

/// A home whose journal cannot be looked into is no home without agents.
#[cfg(unix)]
#[test]
fn a_journal_that_cannot_be_seen_opens_nothing() {
    let home = sealed();
    let client = home.path().join("home/client");
    std::fs::rename(&client, home.path().join("away")).expect("a folder");
    std::os::unix::fs::symlink(&client, &client).expect("a link");
    let ran = as_model(&home, "wallet use sandbox");
    assert_ne!(ran.status, Some(0), "{ran:#?}");
}

#[test]
fn the_passphrase_is_changed_by_who_knows_it() {
    let home = sealed();
    let mut terminal = AtTerminal::start(&home, &["agent", "passphrase"]);
    terminal.answer("Operator's passphrase", PASSPHRASE);
    terminal.answer("New passphrase", "short");
    terminal.answer("New passphrase", "battery-staple");
    terminal.answer("once more", "battery-stable");
    terminal.answer("New passphrase", "battery-staple");
    terminal.answer("once more", "battery-staple");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    let mut terminal = AtTerminal::start(&home, &["budget", "resume"]);
    terminal.answer("Operator's passphrase", PASSPHRASE);
    terminal.answer("Operator's passphrase", "battery-staple");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
}

/// A home whose hash is gone is not open to everybody.
#[test]
fn agents_without_a_passphrase_lock_the_home() {
    let home = Home::new();
    std::fs::create_dir_all(home.path().join("home")).expect("a folder");
    let agent = Agent::new("ann".parse().expect("a name"), l402::UnixTime::from_secs(1));
    let put = journal(&home).put_agent(&agent, &BudgetLimits::default(), None);
    put.expect("an agent");
    for line in GATED {
        let ran = as_model(&home, line).expect(54);
        assert!(ran.stderr.contains("no passphrase"), "{line}: {ran:#?}");
    }
}

/// After the first agent, no flag and no variable goes beyond 1000 sat a request and 10000 a day.
#[test]
fn the_first_agent_stores_the_limits_of_default() {
    let home = sealed();
    let shown = home.run(&["budget", "show", "default"]).expect(0).json();
    for (which, msat) in [("per_request", 1_000_000), ("per_day", 10_000_000)] {
        assert_eq!(shown["limits"][which]["limit_msat"], msat, "{which}");
        assert_eq!(shown["limits"][which]["is_default"], false, "{which}");
    }
}
