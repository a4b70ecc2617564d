//! Wallets that are stored under a name, and used by it everywhere.

use std::path::Path;

use serde_json::Value;

#[cfg(target_os = "linux")]
use crate::program::AtTerminal;
use crate::program::{Home, Serving};

/// A demo in a home of its own, whose sandbox this home's wallets reach over its API.
struct Market {
    /// Keeps the demo's folder.
    _other: Home,
    demo: Serving,
    sandbox: Serving,
    home: Home,
}

impl Market {
    fn new() -> Self {
        let other = Home::new();
        let demo = other.serve(&["demo", "--listen", "127.0.0.1:0"]);
        let sandbox = other.serve(&["sandbox", "--listen", "127.0.0.1:0"]);
        Self {
            _other: other,
            demo,
            sandbox,
            home: Home::new(),
        }
    }

    fn joke(&self) -> String {
        self.demo.url("/api/l402/joke")
    }

    /// Stores a wallet of the demo's sandbox.
    fn add(&self, name: &str) -> Value {
        let address = self.sandbox.address();
        let args = [
            "wallet",
            "add",
            name,
            "--kind",
            "sandbox+http",
            "--address",
            address,
        ];
        self.home.run(&args).expect(0).json()
    }

    /// Stores a wallet that nobody answers for.
    fn add_away(&self, name: &str) {
        let args = [
            "wallet",
            "add",
            name,
            "--kind",
            "sandbox+http",
            "--address",
            "127.0.0.1:1",
        ];
        self.home
            .run(&[&args[..], &["--no-check"]].concat())
            .expect(0);
    }
}

fn stored(home: &Home, file: &str) -> std::path::PathBuf {
    home.path().join("home/wallets").join(file)
}

#[test]
fn a_wallet_is_stored_once_and_used_by_its_name() {
    let market = Market::new();
    let home = &market.home;
    let added = market.add("play");
    assert_eq!(added["added"], "play");
    assert_eq!(added["network"], "regtest");
    assert_eq!(
        (&added["pays"], &added["default"]),
        (&true.into(), &false.into())
    );

    let list = home.run(&["wallet", "list"]).expect(0).json();
    assert_eq!(list["wallets"][0]["name"], "play");
    assert_eq!(list["wallets"][0]["kind"], "sandbox+http");
    let balance = |args: &[&str]| home.run(args).expect(0).json()["balance_msat"].clone();
    let before = balance(&["wallet", "balance", "--wallet", "play"]);
    home.run(&["get", &market.joke(), "--wallet", "play"])
        .expect(0);
    let after = balance(&["wallet", "balance", "--wallet", "play"]);
    assert!(after.as_u64() < before.as_u64(), "{before} {after}");

    let mut command = home.command(&["wallet", "balance"]);
    let ran = command
        .env("L402_WALLET", "play")
        .output()
        .expect("it starts");
    let named: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(
        (&named["wallet"], &named["balance_msat"]),
        (&"play".into(), &after)
    );
    assert!(named["wallets"].is_null(), "one wallet was named: {named}");

    let tested = home.run(&["wallet", "test", "play"]).expect(0).json();
    assert_eq!(tested["pays"], true);
    home.run(&["wallet", "remove", "play"]).expect(64);
    home.run(&["wallet", "remove", "play", "--yes"]).expect(0);
    assert!(!stored(home, "play.toml").exists());
    home.run(&["wallet", "balance", "--wallet", "play"])
        .expect(64);
}

#[test]
fn a_wallet_that_does_not_work_is_not_stored() {
    let home = Home::new();
    let args = [
        "wallet",
        "add",
        "gone",
        "--kind",
        "sandbox+http",
        "--address",
        "127.0.0.1:1",
    ];
    let ran = home.run(&args).expect(17);
    assert!(ran.stderr.contains("nothing is stored"), "{ran:#?}");
    assert!(!stored(&home, "gone.toml").exists());
    assert_eq!(
        home.run(&["wallet", "list"]).expect(0).json()["wallets"],
        Value::Array(vec![])
    );
}

#[test]
fn the_default_pays_if_none_is_named_and_only_after_a_yes() {
    let market = Market::new();
    let home = &market.home;
    market.add("play");
    home.run(&["get", &market.joke()]).expect(10);
    home.run(&["wallet", "use", "play"]).expect(0);
    let joke = home.run(&["get", &market.joke()]).expect(0);
    assert!(!joke.stdout.is_empty(), "{joke:#?}");
    home.run(&["wallet", "use", "--none"]).expect(0);
    home.run(&["get", &market.joke()]).expect(10);
    // A wallet that is removed is no default any more.
    home.run(&["wallet", "use", "play"]).expect(0);
    home.run(&["wallet", "remove", "play", "--yes"]).expect(0);
    home.run(&["get", &market.joke()]).expect(10);
}

/// The first wallet is away, and so it certainly moved no money.
#[test]
fn what_certainly_failed_goes_to_the_next_wallet() {
    let market = Market::new();
    let home = &market.home;
    market.add("play");
    market.add_away("away");
    home.run(&["wallet", "use", "away", "play"]).expect(0);
    let ran = home.run(&["get", &market.joke()]).expect(0);
    assert!(ran.stderr.contains("could not pay"), "{ran:#?}");
    let bought = home.run(&["payments"]).expect(0).json();
    let rows = bought["payments"].as_array().or(bought.as_array());
    assert_eq!(rows.map(Vec::len), Some(1), "{bought}");

    home.run(&["wallet", "use", "away"]).expect(0);
    home.run(&["get", &market.demo.url("/api/l402/quote")])
        .expect(13);
}

/// An unknown outcome stays with the wallet that was asked, and is asked there again.
#[test]
fn an_unknown_payment_never_goes_to_the_next_wallet() {
    let market = Market::new();
    let home = &market.home;
    market.add("first");
    let own = home.serve(&["sandbox", "--listen", "127.0.0.1:0"]);
    let _faulty =
        market
            ._other
            .serve(&["sandbox", "--listen", "127.0.0.1:0", "--fault", "unknown"]);
    let address = own.address();
    let add = [
        "wallet",
        "add",
        "second",
        "--kind",
        "sandbox+http",
        "--address",
        address,
    ];
    home.run(&add).expect(0);
    home.run(&["wallet", "use", "first", "second"]).expect(0);
    let second = || {
        let args = ["wallet", "balance", "--wallet", "second"];
        home.run(&args).expect(0).json()["balance_msat"].clone()
    };
    let before = second();
    let url = market.joke();
    let get = ["get", &url, "--payment-timeout", "2s"];
    home.run(&get).expect(14);
    home.run(&get).expect(14);
    // The same wallets in another order, or with one more, still know whom to ask.
    home.run(&["wallet", "use", "second", "first"]).expect(0);
    home.run(&get).expect(14);
    // And the one that was not asked cannot say what became of it.
    home.run(&["wallet", "use", "second"]).expect(0);
    home.run(&get).expect(14);
    assert_eq!(second(), before, "nothing was paid there");
    let ran = home.run(&["wallet", "remove", "first", "--yes"]).expect(0);
    assert!(ran.stderr.contains("1 purchases are unknown"), "{ran:#?}");
}

#[test]
fn a_seller_is_paid_through_a_stored_node() {
    let home = Home::new();
    home.run(&["wallet", "add", "shop", "--kind", "sandbox"])
        .expect(0);
    let upstream = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let upstream = upstream.url("");
    let quick = [
        "serve",
        "--upstream",
        &upstream,
        "--price",
        "5 sat",
        "--listen",
        "127.0.0.1:0",
    ];
    let shop = home.serve(&[&quick[..], &["--node", "shop"]].concat());
    home.run(&["get", &shop.url("/"), "--wallet", "shop"])
        .expect(0);

    let route = "[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:1\"\nprice = \"5 sat\"\n";
    let file = |node: &str| {
        let text = format!("listen = [\"127.0.0.1:0\"]\nnode = \"{node}\"\n{route}");
        home.file("shop.toml", &text).display().to_string()
    };
    home.run(&["serve", "--config", &file("shop"), "--check"])
        .expect(0);
    for more in [&["--check"][..], &[]] {
        let path = file("nobody");
        let args = ["serve", "--config", &path];
        let ran = home.run_start(&[&args[..], more].concat()).expect(78);
        assert!(ran.stderr.contains("stored: shop"), "{ran:#?}");
    }
}

#[test]
fn the_variables_of_other_programs_are_read_by_add_alone() {
    const SECRET: &str = "5f2c0c9be7a9404d8ad2b9cd4f2d7a11";
    let home = Home::new();
    let run = |args: &[&str], set: &[(&str, &str)]| {
        let mut command = home.command(args);
        command.envs(set.iter().copied());
        crate::program::Ran::of(command.output().expect("it starts"))
    };
    let lnbits = [
        ("LNBITS_URL", "https://lnbits.example"),
        ("LNBITS_ADMIN_KEY", SECRET),
    ];
    // They spend nothing, and are named with what to do.
    let url = "http://127.0.0.1:1/";
    let ran = run(&["wallet", "balance", "--wallet", "main"], &lnbits).expect(64);
    assert!(
        ran.stderr
            .contains("LNBITS_URL and LNBITS_ADMIN_KEY are set"),
        "{ran:#?}"
    );
    assert!(
        ran.stderr.contains("wallet add main --from-env"),
        "{ran:#?}"
    );
    run(&["get", url], &lnbits).expect(69);
    let listed = run(&["wallet", "list"], &lnbits).expect(0);
    assert_eq!(listed.json()["environment"][0]["kind"], "lnbits+https");

    let add = ["wallet", "add", "main", "--from-env", "--no-check"];
    let added = run(&add, &lnbits).expect(0);
    assert_eq!(added.json()["limits_fee"], false);
    assert!(added.stderr.contains("no fee limit"), "{added:#?}");
    let description = std::fs::read_to_string(stored(&home, "main.toml")).expect("a file");
    assert!(
        description.contains("lnbits+https://lnbits.example?key=main.secret"),
        "{description}"
    );
    let secret = std::fs::read_to_string(stored(&home, "main.secret")).expect("a file");
    assert_eq!(secret, SECRET);
    for shown in [&added, &listed, &home.run(&["wallet", "list"]).expect(0)] {
        assert!(!format!("{shown:?}").contains(SECRET), "{shown:#?}");
    }
}

#[test]
fn all_wallets_are_shown_with_what_to_do_about_them() {
    let market = Market::new();
    let home = &market.home;
    let before = home.run(&["wallet", "balance"]).expect(0).json();
    assert_eq!(
        (&before["wallet"], &before["balance_msat"]),
        (&"sandbox".into(), &100_000_000.into())
    );
    market.add("play");
    market.add_away("away");
    let all = home.run(&["wallet", "balance"]).expect(0).json();
    let named = |name: &str| {
        let wallets = all["wallets"].as_array().expect("a list").iter();
        wallets
            .clone()
            .find(|wallet| wallet["wallet"] == name)
            .expect(name)
            .clone()
    };
    assert_eq!(
        (&named("play")["reachable"], &named("play")["network"]),
        (&true.into(), &"regtest".into())
    );
    assert_eq!(named("away")["reachable"], false);
    let hint = named("away")["hint"].as_str().expect("a hint").to_owned();
    assert!(hint.contains("l402 sandbox"), "{hint}");
    assert!(named("sandbox")["balance_msat"].is_u64());
    // The default is first, and decides the status.
    home.run(&["wallet", "use", "away", "play"]).expect(0);
    let all = home.run(&["wallet", "balance"]).expect(17).json();
    assert_eq!(
        (&all["wallet"], &all["wallets"][0]["default"]),
        (&"away".into(), &1.into())
    );
}

#[cfg(unix)]
#[test]
fn stored_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let add = [
        "wallet",
        "add",
        "x",
        "--kind",
        "nwc",
        "--secret-stdin",
        "--no-check",
    ];
    let uri = "nostr+walletconnect://abc?relay=wss://r.example&secret=hunter2\n";
    let added = home.run_with_stdin(&add, uri).expect(0);
    assert!(!format!("{added:?}").contains("hunter2"), "{added:#?}");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&stored(&home, "")), 0o700);
    assert_eq!(mode(&stored(&home, "x.toml")), 0o600);
    assert_eq!(mode(&stored(&home, "x.secret")), 0o600);
    let traced = home.run_traced(&["wallet", "list"]).expect(0);
    assert!(!format!("{traced:?}").contains("hunter2"), "{traced:#?}");
}

/// A person is asked for what the command line leaves out, and types a secret that nobody sees.
#[cfg(target_os = "linux")]
#[test]
fn a_person_is_asked_for_kind_address_and_secret() {
    let home = Home::new();
    let mut terminal = AtTerminal::start(&home, &["wallet", "add", "shop", "--no-check"]);
    terminal.answer("Which kind", "lnbits");
    terminal.answer("The ", "http://127.0.0.1:5000");
    terminal.answer("(not shown):", "0123456789abcdef");
    terminal.answer("if no --wallet is given?", "y");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    assert!(!shown.contains("0123456789abcdef"), "{shown}");
    let secret = std::fs::read_to_string(stored(&home, "shop.secret")).expect("a file");
    assert_eq!(secret.trim(), "0123456789abcdef");
    let list = home.run(&["wallet", "list"]).expect(0).json();
    assert_eq!(list["wallets"][0]["name"], "shop", "{list}");
    assert_eq!(list["default"][0], "shop", "{list}");
}
