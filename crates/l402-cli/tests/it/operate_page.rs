//! The operator's page: its commands work one after another, on a gateway that serves.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::contract::words;
use crate::program::{Home, Ran, Serving};

/// The words of the page that stand for something, and an example of each.
const STANDS_FOR: &[(&str, &str)] = &[
    (
        "HASH",
        "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f",
    ),
    (
        " ID",
        " 5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f",
    ),
];

/// Commands that serve until they are ended, that buy, or that ask a person; other tests have them.
const ELSEWHERE: &[&str] = &[
    "demo",
    "get http://127.0.0.1:8404/ --wallet sandbox",
    "serve --config l402.toml --upgrade",
    "wallet add shop",
];

/// The first sale, which would serve until it is ended: its flags are looked at.
const FIRST: &str = "serve --upstream ";

/// The command that ends the gateway, and so comes last.
const LAST: &str = "admin drain";

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate.md");
    std::fs::read_to_string(page).expect("docs/operate.md")
}

/// Returns the commands of the page without the program's name, in their order: those of lines of code,
/// and those within a sentence.
fn commands(page: &str) -> Vec<String> {
    let lines = page.lines().flat_map(|line| {
        let code = line
            .strip_prefix("    l402 ")
            .map(|line| format!("l402 {line}"));
        let spans: Vec<_> = line
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        code.into_iter().chain(spans)
    });
    let ours = lines.filter_map(|line| {
        let line = line.strip_prefix("l402 ")?;
        let line = line.split(" #").next().unwrap_or(line).trim();
        Some(
            STANDS_FOR
                .iter()
                .fold(line.to_owned(), |line, (word, example)| {
                    line.replace(word, example)
                }),
        )
    });
    ours.collect()
}

/// Serves the file that the page is about, with an upstream that accepts connections.
fn shop(home: &Home, upstream: &TcpListener) -> Serving {
    let upstream = upstream.local_addr().expect("an address");
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\n\n[admin]\nlisten = \"127.0.0.1:0\"\n\n\
         # What is sold.\n[[route]]\npath = \"/joke\"\nupstream = \"http://{upstream}\"\nprice = \"50 sat\"\n"
    );
    let file = home.file("l402.toml", &text);
    home.serve(&["serve", "--config", file.to_str().expect("a path")])
}

/// Returns the price of the joke in millisatoshi, by a plain request.
fn price(shop: &Serving) -> u64 {
    let mut socket = TcpStream::connect(shop.address()).expect("a connection");
    let ask = b"GET /joke HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    socket.write_all(ask).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    body["price_msat"].as_u64().expect("a price")
}

/// Runs a command as it is typed, in the folder of the file.
fn run(home: &Home, line: &str) -> Ran {
    let args = words(line);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = home.command(&args);
    command.current_dir(home.path());
    Ran::of(command.output().expect("the program starts"))
}

#[test]
fn the_commands_of_the_page_work_one_after_another() {
    let home = Home::new();
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut shop = shop(&home, &upstream);
    let mut all = commands(&page());
    all.retain(|line| !ELSEWHERE.contains(&line.as_str()));
    assert!(all.len() > 15, "{all:#?}");
    let before = all.len();
    all.retain(|line| line != LAST);
    assert!(all.len() < before, "the page ends a gateway");
    for line in &all {
        let line = match line.starts_with(FIRST) {
            true => &format!("{line} --check"),
            false => line,
        };
        let (mut ran, mut tries) = (run(&home, line), 0);
        // While one number waits for the gateway no other one can begin.
        while ran.status != Some(0) && line.contains("rotate") && tries < 100 {
            std::thread::sleep(Duration::from_millis(100));
            (ran, tries) = (run(&home, line), tries + 1);
        }
        assert_eq!(ran.status, Some(0), "l402 {line}: {ran:#?}");
    }
    assert_eq!(price(&shop), 70_000, "as the page sets it");
    let file = std::fs::read_to_string(home.path().join("l402.toml")).expect("the file");
    assert!(
        file.contains("price = \"70 sat\"") && file.contains("# What is sold."),
        "{file}"
    );
    run(&home, LAST).expect(0);
    assert_eq!(shop.wait(), Some(0));
}
