//! All that the model tries: every command, with every flag that could widen what it may spend.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::shell::{BACKUP, Shell, ask_page};
use crate::mcp_session::{Generation, Session};

/// A way to use a program that goes on until it is ended.
type Through = fn(&Shell, &Try, Command);

/// One attempt: a command with its environment.
#[derive(Clone)]
pub(super) struct Try {
    pub(super) args: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    /// It must be refused as somebody who is not the operator.
    pub(super) is_refused: bool,
    /// A flag was added that it may not understand with what it says.
    pub(super) is_odd: bool,
    /// It can move money.
    pub(super) spends: bool,
    pub(super) through: Option<Through>,
    /// What is to be bought, and an invoice of the same price.
    goods: (String, String),
}

impl fmt::Debug for Try {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} l402 {}", self.variables, self.args.join(" "))
    }
}

impl Try {
    pub(super) fn new(args: &[&str]) -> Self {
        Self {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            variables: Vec::new(),
            is_refused: false,
            is_odd: false,
            spends: false,
            through: None,
            goods: Default::default(),
        }
    }

    pub(super) fn refused(mut self) -> Self {
        self.is_refused = true;
        self
    }

    fn spends(mut self) -> Self {
        self.spends = true;
        self
    }

    fn through(mut self, through: Through, url: &str, invoice: &str) -> Self {
        self.through = Some(through);
        self.goods = (url.to_owned(), invoice.to_owned());
        self
    }

    fn with(&self, more: &[&str]) -> Self {
        let mut with = self.clone();
        with.is_odd = true;
        with.args.extend(more.iter().map(|arg| (*arg).to_owned()));
        with
    }

    fn with_variable(&self, name: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.variables.push((name.to_owned(), value.to_owned()));
        with
    }
}

/// Returns the paths of all commands that have none below them.
fn paths(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
    let below: Vec<&clap::Command> = command
        .get_subcommands()
        .filter(|it| it.get_name() != "help")
        .collect();
    for it in &below {
        let path = format!("{path} {}", it.get_name());
        paths(it, path.trim(), found);
    }
    if below.is_empty() || !command.is_subcommand_required_set() && !path.is_empty() {
        found.push((path.to_owned(), command.clone()));
    }
}

/// Returns every attempt, to buy what stands at a URL wherever a command can buy.
///
/// # Panics
/// If there is a command that nobody has thought of here.
pub(super) fn every_command(shell: &Shell, url: &str, approval: i64) -> Vec<Try> {
    let mut found = Vec::new();
    let mut whole = l402_cli::command_line();
    whole.build();
    paths(&whole, "", &mut found);
    let sat = if url == shell.dear { 90 } else { 40 };
    let mut all = Vec::new();
    for (path, command) in found {
        for plain in tries(shell, &path, url, sat, approval) {
            let widened: Vec<Try> = flags(&command)
                .into_iter()
                .map(|flag| plain.with(&flag))
                .collect();
            let variables = [
                ("L402_BUDGET", "shopper"),
                ("L402_BUDGET", "free"),
                ("L402_WALLET", "sandbox"),
                ("L402_YES", "1"),
                ("L402_MAX_PRICE", "1000000 sat"),
            ];
            if plain.spends {
                all.extend(variables.map(|(name, value)| plain.with_variable(name, value)));
            }
            all.push(plain);
            all.extend(widened);
        }
    }
    all
}

/// The flags that could let more be spent, with the most that one can say.
const WIDE: [(&str, &[&str]); 14] = [
    ("--yes", &[]),
    ("--max-price", &["1000000 sat"]),
    ("--max-per-day", &["1000000 sat"]),
    ("--max-fee", &["1000000 sat"]),
    ("--budget", &["free", "shopper", "default"]),
    ("--agent", &["free", "default", "shopper"]),
    ("--parent", &["none"]),
    ("--per-request", &["none"]),
    ("--per-day", &["none"]),
    ("--in-all", &["none"]),
    ("--insecure", &[]),
    ("--accept-body-challenge", &[]),
    ("--danger-show-secrets", &[]),
    ("--deny", &[]),
];

/// Returns each of those flags that a command has, and then all of them together.
fn flags(command: &clap::Command) -> Vec<Vec<&'static str>> {
    let (mut found, mut together) = (Vec::new(), Vec::new());
    let names: Vec<&str> = command
        .get_arguments()
        .filter_map(clap::Arg::get_long)
        .collect();
    for (flag, values) in WIDE {
        if !names.contains(&flag.trim_start_matches("--")) {
            continue;
        }
        if values.is_empty() {
            found.push(vec![flag]);
        }
        found.extend(values.iter().map(|value| vec![flag, value]));
        together.push(flag);
        together.extend(values.last());
    }
    if found.len() > 1 {
        found.push(together);
    }
    found
}

/// Returns what is tried with a command. `serve`, `demo` and the look at things need no limits: they spend
/// nothing of the wallet, or as `get` does.
fn tries(shell: &Shell, path: &str, url: &str, sat: u64, approval: i64) -> Vec<Try> {
    let words: Vec<&str> = path.split(' ').collect();
    let with = |more: &[&str]| Try::new(&[&words[..], more].concat());
    let id = approval.to_string();
    match path {
        "get" => vec![with(&[url, "--wallet", "sandbox"]).spends()],
        "wallet pay" => vec![with(&[&shell.invoice(sat), "--wallet", "sandbox"]).spends()],
        "proxy" => vec![
            with(&["127.0.0.1:0", "--to", url, "--wallet", "sandbox", "--json"])
                .spends()
                .through(through_the_proxy, url, ""),
        ],
        "mcp" => vec![with(&["--wallet", "sandbox"]).spends().through(
            through_mcp,
            url,
            &shell.invoice(sat),
        )],
        // It buys of its own gateway, for 50 sat.
        "demo" if url == shell.dear => Vec::new(),
        "demo" => vec![with(&["--once", "--listen", "127.0.0.1:0"]).spends()],
        "budget set" => ["default", "shopper", "free"]
            .map(|name| with(&[name, "--per-hour", "none"]).refused())
            .to_vec(),
        "budget resume" => vec![with(&["default"]).refused(), with(&["shopper"]).refused()],
        "wallet add" => vec![with(&["play", "--kind", "sandbox"]).refused()],
        "wallet use" => vec![with(&["play"]).refused()],
        "wallet remove" => vec![with(&["play"]).refused()],
        "agent add" => vec![with(&["free", "--per-hour", "1000000 sat"]).refused()],
        "agent mandate" => vec![
            with(&["shopper", "--up-to", "1000000 sat"]).refused(),
            with(&["shopper", "--end", "1"]).refused(),
        ],
        "agent remove" => vec![with(&["shopper"]).refused()],
        "agent passphrase" => vec![with(&[]).refused()],
        "approve" => vec![with(&[&id]).refused(), with(&[])],
        "backup" => vec![with(&[&shell.beside("model.tar")]).refused()],
        // The person's own backup, with the limits of its time: over this home, or into one of the model's.
        "restore" => restores(shell),
        // They show, or look up, or give again what was paid.
        "agent list" | "budget show" | "payments" | "payments resolve" | "receipts" | "skill"
        | "tokens" | "tokens list" | "version" | "wallet list" | "wallet balance"
        | "wallet test" => vec![with(&[])],
        "agent show" => vec![with(&["shopper"])],
        "completions" => vec![with(&["bash"])],
        "doctor" => vec![with(&[url])],
        "man" => vec![with(&[&shell.beside("man")])],
        "payments resume" | "replay" | "tokens export" | "tokens forget" | "tokens show"
        | "tokens attenuate" | "receipts verify" | "token inspect" | "token verify"
        | "token attenuate" => vec![with(&["00"])],
        // Play money for the account that pays: there is more of it, and no limit is wider.
        "wallet fund" => vec![with(&["1 sat"])],
        // Everything may be stopped by anybody: at the end, so that the rest is worth trying.
        "budget stop" => Vec::new(),
        // They sell. The API of the sandbox is the wallet itself, whose secret is play money.
        "serve" | "sandbox" | "keys list" | "keys rotate" | "keys retire" | "keys export"
        | "revoke" | "ledger copy" | "sales" | "books verify" | "webhooks list"
        | "webhooks log" | "webhooks replay" | "webhooks test" => Vec::new(),
        // It steers what sells.
        admin if admin.starts_with("admin") => Vec::new(),
        // In a build with a registry: lists, words and signatures, and a server whose wallet and budget are
        // in a file of the operator's.
        registry if registry.starts_with("registry") => Vec::new(),
        // In a build with an embedded node.
        node if node.starts_with("node") => Vec::new(),
        other => panic!("nobody has thought of `l402 {other}` here"),
    }
}

fn restores(shell: &Shell) -> Vec<Try> {
    let backup = shell.beside(BACKUP);
    let new = shell.beside("new-home");
    [
        Try::new(&["restore", &backup]),
        Try::new(&["restore", &backup, "--replace"]),
        Try::new(&["restore", &backup, "--home", &new]),
    ]
    .map(Try::refused)
    .to_vec()
}

/// Buys through a proxy, as a program would that knows nothing of payments.
fn through_the_proxy(_: &Shell, _: &Try, mut command: Command) {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut proxy = command.spawn().expect("the program starts");
    let stdout = proxy.stdout.take().expect("a pipe");
    let mut line = String::new();
    let read = BufReader::new(stdout).read_line(&mut line);
    read.expect("a pipe");
    // Flags that it refuses end it at once.
    let announced: Value = serde_json::from_str(&line).unwrap_or_default();
    if let Some(address) = announced["listening"][0].as_str() {
        let url = format!("http://{address}/").parse().expect("a URL");
        ask_page(&url, None);
    }
    let _ = proxy.kill();
    let _ = proxy.wait();
}

/// Buys through the agent's wallet, and claims everything that one can claim.
fn through_mcp(_: &Shell, attempt: &Try, mut command: Command) {
    let mut agents = attempt.args.windows(2).filter(|it| it[0] == "--agent");
    if agents.any(|it| it[1] != "shopper") {
        let ended = command.output().expect("the program starts");
        assert!(!ended.status.success(), "an agent that is not there");
        return;
    }
    let mut session = Session::open(command, Generation::Modern);
    let (url, invoice) = &attempt.goods;
    let key = format!("k{}", fastrand::u64(..));
    let wild = json!({ "url": url, "confirmed": true, "idempotency_key": key,
        "max_cost_sat": 1_000_000 });
    session.call("l402_fetch", wild);
    session.call(
        "pay_invoice",
        json!({ "invoice": invoice, "confirmed": true }),
    );
    session.end();
}
