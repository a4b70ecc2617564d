//! The pages about agents: their commands are understood, and those for a real wallet work one after another.

use std::path::Path;

use serde_json::json;

use crate::contract::words;
use crate::mcp_session::{Generation, Session};
use crate::program::{AtTerminal, Home};

const PASSPHRASE: &str = "xylophone under water";

fn page(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::read_to_string(docs.join(name)).expect("a page")
}

/// The commands of this program on a page, each as it is typed, also behind another program.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter(|line| line.starts_with("    "));
    code.filter_map(|line| {
        let line = line.trim();
        let at = if line.starts_with("l402 ") {
            0
        } else {
            let before = ["| l402 ", "-- l402 ", "purse l402 "];
            before
                .iter()
                .find_map(|it| Some(line.find(it)? + it.len() - "l402 ".len()))?
        };
        let line = &line[at..];
        Some(line.split(" #").next().unwrap_or(line).trim())
    })
}

#[test]
fn every_command_of_the_pages_is_understood() {
    let mut seen = 0;
    for name in ["agents.md", "agents-wallet.md"] {
        for line in commands(&page(name)) {
            let read = l402_cli::command_line().try_get_matches_from(words(line));
            let error = read.err().map(|error| error.to_string());
            assert_eq!(error, None, "{name}: {line}");
            seen += 1;
        }
    }
    assert!(seen > 12, "{seen}");
}

/// Over the sandbox's own connection, which stands for that of a real wallet.
#[test]
fn a_real_wallet_is_given_to_an_agent_as_the_page_says() {
    let home = Home::new();
    let listen = [
        "--listen",
        "127.0.0.1:0",
        "--nwc-listen",
        "127.0.0.1:0",
        "--json",
    ];
    let sandbox = home.serve(&[&["sandbox", "--nwc"][..], &listen].concat());
    let connection = sandbox.announced["nwc"].as_str().expect("a URI").to_owned();
    let text = page("agents-wallet.md");
    let lines: Vec<&str> = commands(&text).collect();
    let mut mcp = Vec::new();
    for line in &lines {
        // The terminal reads the line as the person's shell does.
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        match words[..] {
            ["mcp", ..] => {
                mcp = words;
                continue;
            }
            ["budget", "stop", ..] => break,
            _ => {}
        }
        let mut terminal = AtTerminal::start(&home, &words);
        match words[..] {
            ["wallet", "add", ..] => {
                terminal.answer("(not shown):", &connection);
                terminal.answer("if no --wallet is given?", "n");
            }
            ["agent", "add", ..] => {
                terminal.answer("New passphrase", PASSPHRASE);
                terminal.answer("once more", PASSPHRASE);
            }
            ["agent", "mandate", ..] => terminal.answer("passphrase", PASSPHRASE),
            _ => {}
        }
        let (status, screen) = terminal.end();
        assert_eq!(status, Some(0), "{line}: {screen}");
        assert!(
            !screen.contains(&connection) && !screen.contains(PASSPHRASE),
            "{line}"
        );
    }
    let agents = home
        .run(&["agent", "show", "shopper", "--json"])
        .expect(0)
        .json();
    assert_eq!(agents["mandates"][0]["up_to_msat"], 500_000, "{agents}");

    // The agent pays a little by itself over that connection, and asks for more.
    let mut session = Session::open(home.command(&mcp), Generation::Modern);
    for (sat, outcome) in [(10, "paid"), (40, "waiting_for_approval")] {
        let invoice = json!({ "amount_msat": sat * 1_000 });
        let invoice = ask(&sandbox.url("/v1/invoices"), &invoice);
        let paid = session.call("pay_invoice", json!({ "invoice": invoice["invoice"] }));
        assert_eq!(paid["structuredContent"]["outcome"], outcome, "{paid}");
    }
    let ended = session.end();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    let (_, secret) = connection.split_once("secret=").expect("a secret");
    assert!(!said.contains(&secret[..32]), "the connection came out");
}

/// Sends JSON to the sandbox, and returns its answer.
fn ask(url: &str, body: &serde_json::Value) -> serde_json::Value {
    let run = std::process::Command::new("curl")
        .args([
            "--silent",
            "--noproxy",
            "*",
            url,
            "--data",
            &body.to_string(),
        ])
        .args(["--header", "content-type: application/json"])
        .output()
        .expect("curl");
    serde_json::from_slice(&run.stdout).expect("JSON")
}
