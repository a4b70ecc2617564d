//! Command lines that cannot be understood, and those that people type.

use serde_json::Value;

use crate::program::Home;

// FAULTS T11: a call for help gets it, whatever else the line holds.
#[test]
fn help_is_had_however_it_is_asked_for() {
    let home = Home::new();
    let of = |args: &[&str]| home.run(args).expect(0).stdout;
    let (whole, get) = (of(&["--help"]), of(&["get", "--help"]));
    assert_eq!(of(&["help"]), whole);
    assert_eq!(of(&["help", "get"]), get);
    assert_eq!(
        of(&["help", "wallet", "fund"]),
        of(&["wallet", "fund", "--help"])
    );
    for bare in [&[][..], &["wallet"], &["token"]] {
        let ran = home.run(bare).expect(0);
        assert!(ran.stdout.contains("Usage: l402"), "{ran:#?}");
        assert!(ran.stderr.is_empty(), "{ran:#?}");
    }
    assert_eq!(of(&["version"]), of(&["--version"]));
}

#[test]
fn the_program_alone_says_what_to_type_first() {
    let home = Home::new();
    let ran = home.run(&[]).expect(0);
    for line in [
        "  l402 demo --once",
        "  l402 get http://127.0.0.1:8402/api/l402/joke --dry-run",
        "  l402 serve --upstream http://127.0.0.1:3000 --price 50sat --listen 8404",
        "Usage: l402 [OPTIONS] <COMMAND>",
    ] {
        // The program is called by its path, which what is to be pasted repeats.
        let stdout = ran.stdout.replace(env!("CARGO_BIN_EXE_l402"), "l402");
        assert!(stdout.contains(line), "{line}: {ran:#?}");
    }
    assert!(ran.stderr.is_empty(), "{ran:#?}");
    assert_eq!(home.run(&["--log", "info"]).expect(0).stdout, ran.stdout);
    // Nothing was done yet.
    assert!(!home.path().join("home").exists());
}

// FAULTS T12: an address as people write it, and a price that the shell has parted.
#[test]
fn addresses_and_amounts_are_taken_as_people_write_them() {
    let home = Home::new();
    for listen in ["0", ":0", "localhost:0"] {
        let demo = home.serve(&["demo", "--listen", listen]);
        assert!(demo.address().starts_with("127.0.0.1:"), "{listen}");
        let sandbox = home.serve(&["sandbox", "--listen", listen]);
        assert!(sandbox.address().starts_with("127.0.0.1:"), "{listen}");
    }
    let text = "listen = [\"localhost:0\", \":0\"]\n[[route]]\npath = \"/\"\n\
                upstream = \"http://127.0.0.1:1\"\nfree = true\n";
    let file = home.file("l402.toml", text);
    let args = [
        "serve",
        "--check",
        "--config",
        file.to_str().expect("a path"),
    ];
    let checked = home.run(&args).expect(0).json();
    assert_eq!(
        checked["listen"],
        serde_json::json!(["127.0.0.1:0", "127.0.0.1:0"])
    );

    let quick = ["serve", "--upstream", "http://127.0.0.1:1", "--check"];
    let ran = home.run(&[&quick[..], &["--price", "1sat", "--listen", "a.example:1"]].concat());
    assert!(ran.expect(64).stderr.contains("0.0.0.0:8402"));
    for parted in [&["--price", "50", "sat"][..], &["--price=50", "sats"]] {
        let ran = home.run(&[&quick[..], parted].concat()).expect(64);
        assert!(ran.stderr.contains("quotation marks"), "{ran:#?}");
    }
    let ran = home.run(&["wallet", "fund", "5000", "sat"]).expect(64);
    assert!(ran.stderr.contains("\"5000 sat\""), "{ran:#?}");
    home.run(&[&quick[..], &["--price", "50 sats"]].concat())
        .expect(0);
}

// FAULTS T19: the usage in an error is that of the command, and asks for nothing that may be left
// out.
#[test]
fn the_usage_in_an_error_is_that_of_the_command() {
    let home = Home::new();
    for (args, usage) in [
        (&["get"][..], "Usage: l402 get [OPTIONS] <URL>\n"),
        (
            &["--home", "get", "get"],
            "Usage: l402 get [OPTIONS] <URL>\n",
        ),
        (
            &["get", "u", "--nonsense"],
            "Usage: l402 get [OPTIONS] <URL>\n",
        ),
        (
            &["wallet", "fund"],
            "Usage: l402 wallet fund [OPTIONS] <AMOUNT>\n",
        ),
        (&["nonsense"], "Usage: l402 [OPTIONS] <COMMAND>\n"),
    ] {
        let ran = home.run(args).expect(64);
        assert!(ran.stderr.contains(usage), "{ran:#?}");
        assert!(!ran.stderr.contains("--home <DIR>"), "{ran:#?}");
    }
}

/// The lines of a help from its examples on, as wide as a terminal of so many columns shows them.
fn examples(home: &Home, command: &[&str], columns: &str) -> String {
    let mut program = home.command(&[command, &["--help"]].concat());
    let output = program.env("COLUMNS", columns).output().expect("it starts");
    let help = String::from_utf8(output.stdout).expect("text");
    let (_, examples) = help.split_once("Examples:\n").expect("examples");
    examples.to_owned()
}

// FAULTS T19: what is there to be pasted is one line also on a terminal of 80 columns.
#[test]
fn examples_fit_into_80_columns() {
    let home = Home::new();
    for command in crate::contract::COMMANDS
        .iter()
        .map(|(_, command)| *command)
    {
        let shown = examples(&home, command, "80");
        assert_eq!(shown, examples(&home, command, "100"), "{command:?}");
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{command:?}: {line}");
        }
    }
}

const SECRET: &str = "deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

// FAULTS T21: no error repeats a wallet's secret, wherever it was written.
#[test]
fn a_connection_uri_is_never_echoed() {
    let home = Home::new();
    let uri = format!(
        "nostr+walletconnect://{}?relay=wss://r.example&secret={SECRET}",
        "ab".repeat(32)
    );
    let flag = format!("--wallet={uri}");
    let node = format!("--node={uri}");
    let user = format!("lnd://me:{SECRET}@h?tls_cert=a&macaroon=b");
    let web = format!("ftp://me:{SECRET}@h/x?key={SECRET}");
    let text = format!(
        "node = \"{uri}\"\n[[route]]\npath = \"/\"\nupstream = \"http://127.0.0.1:1\"\nfree = true\n"
    );
    let file = home.file("l402.toml", &text);
    let file = file.to_str().expect("a path");
    let lines: [&[&str]; 14] = [
        &["get", "http://127.0.0.1:1/", "--wallet", &uri],
        &["get", "http://127.0.0.1:1/", &flag],
        &["get", "http://127.0.0.1:1/", "--wallet", &user],
        &["get", "http://127.0.0.1:1/", &uri],
        &["get", &uri],
        &["get", &web],
        &["doctor", &uri],
        &["wallet", "balance", "--wallet", &uri],
        &["wallet", "pay", &uri],
        &["wallet", &uri],
        &[&uri],
        &["token", "inspect", &uri],
        &[
            "serve",
            "--upstream",
            "http://127.0.0.1:1",
            "--price",
            "1sat",
            &node,
        ],
        &["serve", "--check", "--config", file],
    ];
    for args in lines {
        let ran = home.run(args);
        assert!(matches!(ran.status, Some(36 | 64 | 78)), "{ran:#?}");
        assert!(
            !ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET),
            "{ran:#?}"
        );
    }
    let mut command = home.command(&["get", "http://127.0.0.1:1/"]);
    let output = command
        .env("L402_WALLET", &uri)
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(64));
    assert!(!String::from_utf8_lossy(&output.stderr).contains(SECRET));
}

#[test]
fn an_error_of_usage_is_json_where_others_are() {
    let home = Home::new();
    for args in [
        &["nonsense"][..],
        &["payments", "--nonsense"],
        &["wallet", "fund"],
        &["serve", "--price", "1sat"],
        &["--home", "get", "payments", "--nonsense"],
    ] {
        let ran = home.run(args).expect(64);
        let json: Value = ran.json();
        assert_eq!(json["error"], "usage", "{args:?}");
        assert_eq!(json["exit_code"], 64, "{args:?}");
    }
    // Their stdout is a body and a script.
    for args in [&["get", "--nonsense"][..], &["completions", "nonsense"]] {
        assert!(home.run(args).expect(64).stdout.is_empty(), "{args:?}");
    }
}
