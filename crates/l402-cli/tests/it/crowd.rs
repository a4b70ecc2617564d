//! A crowd of one home: 50 tasks in each of 4 processes, before a real gateway.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;

use l402::Msat;
use l402_client::{Client, Journal, Request, State};
use l402_host::SystemClock;
use l402_lightning::Pay;
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use tokio::task::JoinSet;
use url::Url;

use crate::program::{Home, Serving};

const PROCESSES: usize = 4;
const TASKS: usize = 50;
const PRICE: Msat = Msat::from_sat(7);

/// What the sandbox gives an account when it is first used.
const FILLED: Msat = Msat::from_sat(100_000);

/// The variables that make a process of [`one_process_of_a_crowd`] a buyer: its home, and its URLs with
/// spaces between them.
const HOME: &str = "CROWD_HOME";
const URLS: &str = "CROWD_URLS";

/// An upstream that answers every request with `ok`, for as long as the test runs.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && socket.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                // A gateway that goes away is none of the upstream's business.
                let _ = socket.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                );
            });
        }
    });
    format!("http://{address}")
}

/// A gateway that sells these paths, all of one service, under this policy.
fn shop(home: &Home, paths: &[&str], policy: &str) -> Serving {
    let upstream = upstream();
    let routes = paths.iter().map(|path| {
        format!(
            "[[route]]\npath = \"{path}\"\nupstream = \"{upstream}\"\nservice = \"crowd\"\n\
             price = \"7 sat\"\npolicy = \"{policy}\"\n"
        )
    });
    let routes: String = routes.collect();
    // Two hundred at once are more than one peer is given challenges for by default.
    let config = format!(
        "listen = [\"127.0.0.1:0\"]\n\n[challenges]\nper_peer_per_second = 10000\n\
         per_peer_burst = 10000\n\n{routes}"
    );
    let file = home.file("shop.toml", &config);
    home.serve(&["serve", "--config", file.to_str().expect("a path")])
}

/// Runs the crowd; task N of each process asks for path N. Returns the answers that were had.
fn crowd(home: &Home, shop: &Serving, paths: &[&str]) -> usize {
    let urls: Vec<_> = paths.iter().map(|path| shop.url(path)).collect();
    let start = || {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command
            .args([
                "--exact",
                "crowd::one_process_of_a_crowd",
                "--ignored",
                "--nocapture",
            ])
            .env(HOME, home.path().join("home"))
            .env(URLS, urls.join(" "))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("a process")
    };
    let processes: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    let ended = processes.into_iter().map(|process| {
        let output = process.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text
            .lines()
            .find_map(|line| line.split_once("served ").map(|it| it.1));
        let served: usize = line.and_then(|it| it.parse().ok()).expect("a count");
        served
    });
    ended.sum()
}

#[test]
#[ignore = "the crowd runs it, several times, in processes of their own"]
fn one_process_of_a_crowd() {
    let home = std::path::PathBuf::from(std::env::var_os(HOME).expect("the crowd names a home"));
    let urls = std::env::var_os(URLS).expect("the crowd names URLs");
    let urls: Vec<Url> = urls
        .to_str()
        .expect("plain text")
        .split(' ')
        .map(|url| url.parse().expect("a URL"))
        .collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let served = runtime.block_on(async {
        let sandbox = Sandbox::open(&home, Arc::new(SystemClock::default())).expect("a sandbox");
        let wallet = SandboxWallet::open(&sandbox, "default").expect("an account");
        let journal = Journal::open(&home.join("client")).expect("a journal");
        let client = Client::builder(journal).wallet(Arc::new(wallet));
        let client = client.build().expect("a client");
        let mut tasks = JoinSet::new();
        for url in urls.iter().cycle().take(TASKS) {
            let (client, url) = (client.clone(), url.clone());
            tasks.spawn(async move {
                let answer = client.send(Request::get(url)).await?;
                let status = answer.status().as_u16();
                Ok::<_, l402_client::Error>((status, answer.bytes(100).await?))
            });
        }
        let mut served = 0;
        while let Some(ended) = tasks.join_next().await {
            match ended.expect("no task panics") {
                Ok((200, body)) if &body[..] == b"ok" => served += 1,
                Ok((status, _)) => eprintln!("status {status}"),
                Err(error) => eprintln!("{error}"),
            }
        }
        served
    });
    let told = writeln!(std::io::stdout(), "served {served}");
    told.expect("the crowd reads it");
}

/// What the journal has sold and served, with what the account has paid: they must agree.
fn bought(home: &Home) -> usize {
    let folder = home.path().join("home");
    let journal = Journal::open(&folder.join("client")).expect("a journal");
    let entries = journal.entries(10_000).expect("entries");
    for entry in &entries {
        assert_eq!(
            (entry.state, entry.amount),
            (State::Served, PRICE),
            "{entry:?}"
        );
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let left = runtime.block_on(async {
        let sandbox = Sandbox::open(&folder, Arc::new(SystemClock::default())).expect("a sandbox");
        let wallet = SandboxWallet::open(&sandbox, "default").expect("an account");
        wallet.balance().await.expect("a balance")
    });
    let spent = FILLED.checked_sub(left).expect("nobody fills it");
    let count = u64::try_from(entries.len()).expect("fits");
    assert_eq!(spent, Msat::new(PRICE.msat() * count));
    entries.len()
}

/// ATTACKS C-17.
#[test]
fn one_reusable_token_serves_four_processes_for_one_payment() {
    let home = Home::new();
    let shop = shop(&home, &["/a"], "time=3600");
    assert_eq!(crowd(&home, &shop, &["/a"]), PROCESSES * TASKS);
    assert_eq!(bought(&home), 1);
}

#[test]
fn single_use_tokens_are_one_payment_an_answer_over_four_processes() {
    let home = Home::new();
    let shop = shop(&home, &["/a"], "request");
    assert_eq!(crowd(&home, &shop, &["/a"]), PROCESSES * TASKS);
    assert_eq!(bought(&home), PROCESSES * TASKS);
}

/// Four paths of one service, one after the other: the token that the first bought serves all.
#[test]
fn four_paths_of_a_service_sold_with_four_uses_are_one_payment() {
    let home = Home::new();
    let paths = ["/a", "/b", "/c", "/d"];
    let shop = shop(&home, &paths, "uses=4");
    for path in paths {
        let ran = home.run(&["get", &shop.url(path), "--wallet", "sandbox"]);
        assert_eq!(ran.expect(0).stdout, "ok", "{path}");
    }
    assert_eq!(bought(&home), 1);
}
