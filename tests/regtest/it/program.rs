//! The program `l402` with a node of its own: made, filled, sold with and bought with.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use bitcoin::{Address, Amount};
use l402_regtest::{Chain, chain_server, eventually, free_port};
use l402_tests::Upstream;
use serde_json::Value;

/// The longest life of a command of these tests.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A home folder, with the commands that run in it.
#[derive(Clone)]
struct Home(PathBuf);

/// A command that runs until it is asked to stop.
struct Running {
    child: Child,
    said: Value,
}

impl Home {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_l402-with-ldk"));
        command.args(args).env("L402_HOME", &self.0);
        for variable in ["L402_WALLET", "RUST_LOG"] {
            command.env_remove(variable);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end, with this at its stdin.
    async fn fed(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.command(args);
        let input = input.to_owned();
        let run = tokio::task::spawn_blocking(move || {
            let mut child = command.stdin(Stdio::piped()).spawn().expect("starts");
            let mut stdin = child.stdin.take().expect("a stdin");
            // A command that reads nothing may have ended.
            let _ = stdin.write_all(input.as_bytes());
            drop(stdin);
            child.wait_with_output().expect("ends")
        });
        let run = tokio::time::timeout(TIME_LIMIT, run).await;
        run.expect("in time").expect("no panic")
    }

    async fn run(&self, args: &[&str]) -> Output {
        self.fed(args, "").await
    }

    /// Runs a command that succeeds, and returns its JSON.
    async fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Starts a command, and waits for its first line.
    async fn start(&self, args: &[&str]) -> Running {
        let mut child = self
            .command(args)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("starts");
        let stdout = child.stdout.take().expect("a stdout");
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            read.expect("a line");
            line
        });
        let line = tokio::time::timeout(TIME_LIMIT, read)
            .await
            .expect("in time");
        let line = line.expect("no panic");
        let said = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{args:?}: {line:?}"));
        Running { child, said }
    }

    async fn serve(&self, upstream: &Upstream) -> Running {
        let upstream = format!("http://{}", upstream.address());
        let args = [
            "serve",
            "--node",
            "ldk",
            "--listen",
            "0",
            "--price",
            "5 sat",
            "--upstream",
        ];
        self.start(&[&args[..], &[&*upstream]].concat()).await
    }

    fn ldk(&self, name: &str) -> PathBuf {
        self.0.join("ldk").join(name)
    }
}

impl Running {
    fn url(&self) -> String {
        let address = self.said["listening"][0].as_str().expect("an address");
        format!("http://{address}/thing")
    }

    /// Asks the command to stop, and waits until it has.
    async fn stop(mut self) -> ExitStatus {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(killed.expect("kill runs").success());
        let mut ended = None;
        eventually("the command ends", || {
            ended = self.child.try_wait().expect("can be asked");
            let has_ended = ended.is_some();
            async move { has_ended }
        })
        .await;
        ended.expect("it has ended")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the node of a home, and returns its id.
async fn init(home: &Home, chain: &Chain, more: &[&str]) -> String {
    std::fs::create_dir(&home.0).expect("a home");
    let server = chain_server(&home.0, chain);
    let args = ["node", "init", "--network", "regtest", "--chain", &server];
    let piped = home.run(&[&args[..], more].concat()).await;
    assert_eq!(
        piped.status.code(),
        Some(64),
        "shows no words to a pipe: {piped:?}"
    );
    assert!(!home.ldk("").exists());
    let args = [&args[..], more, &["--show-words"]].concat();
    let made = home.json(&args).await;
    let words = made["words"].as_str().expect("words");
    assert_eq!(words.split(' ').count(), 24);
    for name in ["", "keys_seed", "node.toml"] {
        let mode = home
            .ldk(name)
            .metadata()
            .expect("is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    let again = home.run(&args).await;
    assert_eq!(again.status.code(), Some(74), "{again:?}");
    assert!(!String::from_utf8_lossy(&again.stderr).contains(words));

    let other = Home(home.0.with_extension("restored"));
    std::fs::create_dir(&other.0).expect("a home");
    let args = [
        "node",
        "init",
        "--restore",
        "--network",
        "regtest",
        "--chain",
        &server,
    ];
    let restored = other.fed(&args, &words.replace(' ', "\n")).await;
    let restored: Value = serde_json::from_slice(&restored.stdout).expect("JSON");
    assert_eq!(restored["node_id"], made["node_id"]);
    assert!(restored.get("words").is_none());
    made["node_id"].as_str().expect("an id").to_owned()
}

/// Gives coins to the node of a home that runs.
async fn fund(home: &Home, chain: &Chain) {
    let address = home.json(&["node", "address"]).await;
    let address: Address<_> = address["address"]
        .as_str()
        .expect("a text")
        .parse()
        .expect("an address");
    chain.fund(&[address.assume_checked()], Amount::from_sat(10_000_000));
    eventually("the coins are seen", || async {
        home.json(&["node", "balance"]).await["onchain_spendable_sat"] != 0
    })
    .await;
}

/// Buys once, and returns the output of the command.
async fn get(home: &Home, url: &str) -> Output {
    home.run(&["get", "--wallet", "ldk", url]).await
}

fn homes(above: &Path) -> (Home, Home) {
    (Home(above.join("seller")), Home(above.join("buyer")))
}

/// Opens a channel with the program, while the chain goes on.
async fn open_channel(home: &Home, chain: &Chain, peer: String) {
    let opener = home.clone();
    let opening =
        tokio::spawn(async move { opener.json(&["node", "open", &peer, "1000000 sat"]).await });
    eventually("the channel is funded", || async {
        chain.mempool_len() > 0
    })
    .await;
    chain.mine(6);
    let opened = opening.await.expect("is opened");
    assert_eq!(opened["usable"], true, "{opened}");
    let channels = home.json(&["node", "channels"]).await;
    assert_eq!(channels[0]["id"], opened["id"]);
}

/// Beside a gateway that holds the node, nobody can pay with it.
async fn is_refused_beside_its_gateway(home: &Home, url: &str) {
    let refused = get(home, url).await;
    assert_eq!(refused.status.code(), Some(17), "{refused:?}");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("start `l402 node run`"), "{told}");
}

// BACKENDS ldk pay, restart: real
#[tokio::test(flavor = "multi_thread")]
async fn sells_and_buys_with_nodes_of_its_own() {
    let above = tempfile::tempdir().expect("a folder");
    let (chain, upstream) = (Chain::start().await, Upstream::healthy());
    let (seller, buyer) = homes(above.path());
    let address = free_port().to_string();
    let more = ["--listen", &*address, "--alias", "seller"];
    let id = init(&seller, &chain, &more).await;
    init(&buyer, &chain, &[]).await;

    // The buyer's node runs by itself, the seller's in the gateway.
    let node = buyer.start(&["node", "run"]).await;
    fund(&buyer, &chain).await;
    let serving = seller.serve(&upstream).await;
    open_channel(&buyer, &chain, format!("{id}@{address}")).await;
    let bought = get(&buyer, &serving.url()).await;
    assert_eq!(bought.status.code(), Some(0), "{bought:?}");
    assert_eq!(upstream.delivered(), 1);
    is_refused_beside_its_gateway(&seller, &serving.url()).await;

    // Now the other way round: the seller's node runs by itself, the buyer's in `get`.
    assert!(serving.stop().await.success());
    assert!(!seller.ldk("receive.sock").exists());
    assert!(node.stop().await.success());
    let node = seller.start(&["node", "run"]).await;
    assert_eq!(node.said["node_id"], id);
    let serving = seller.serve(&upstream).await;
    let bought = get(&buyer, &serving.url()).await;
    assert_eq!(bought.status.code(), Some(0), "{bought:?}");
    assert_eq!(upstream.delivered(), 2);
    let received = seller.json(&["node", "balance"]).await;
    // One per cent of the channel is a reserve, and two times 5 sat were received.
    let left = 1_000_000_000 - 10_000_000 - 10_000;
    assert_eq!(received["receivable_msat"], left, "{received}");
    assert!(serving.stop().await.success());

    let copy = above.path().join("copy");
    let args = ["node", "backup", copy.to_str().expect("UTF-8")];
    let copied = seller.json(&args).await;
    assert_eq!(copied["files"].as_array().map(Vec::len), Some(5));
    assert!(!copy.join("keys_seed").exists());
    assert!(node.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_without_a_node_is_told_how_to_make_one() {
    let above = tempfile::tempdir().expect("a folder");
    let home = Home(above.path().join("home"));
    for args in [
        &["node", "run"][..],
        &["node", "balance"],
        &["wallet", "balance", "--wallet", "ldk"],
        &[
            "serve",
            "--node",
            "ldk",
            "--upstream",
            "http://127.0.0.1:1",
            "--price",
            "1 sat",
            "--listen",
            "0",
        ],
    ] {
        let ran = home.run(args).await;
        assert_eq!(ran.status.code(), Some(74), "{args:?}: {ran:?}");
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(told.contains("l402 node init"), "{args:?}: {told}");
    }
    for (args, words) in [
        (
            &[
                "node",
                "init",
                "--network",
                "simnet",
                "--chain",
                "http://127.0.0.1:1",
                "--show-words",
            ][..],
            "simnet",
        ),
        (
            &[
                "node",
                "init",
                "--chain",
                "bitcoind://me:hunter2@127.0.0.1:1?password=f",
            ],
            "Esplora",
        ),
        (&["node", "open", "02ab", "1000 sat"], "KEY@HOST:PORT"),
    ] {
        let ran = home.run(args).await;
        assert_ne!(ran.status.code(), Some(0), "{args:?}");
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(
            told.contains(words) && !told.contains("hunter2"),
            "{args:?}: {told}"
        );
    }
    assert!(!home.ldk("").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_leaves_nothing_in_the_way() {
    let above = tempfile::tempdir().expect("a folder");
    let chain = Chain::start().await;
    let home = Home(above.path().join("home"));
    let id = init(&home, &chain, &[]).await;
    let node = home.start(&["node", "run"]).await;
    let beside = home.run(&["node", "run"]).await;
    assert_eq!(
        beside.status.code(),
        Some(69),
        "one folder, one node: {beside:?}"
    );
    // Dropping it kills it.
    drop(node);
    for socket in ["receive.sock", "pay.sock"] {
        assert!(
            home.ldk(socket).symlink_metadata().is_ok(),
            "{socket} is left"
        );
    }
    let balance = home.json(&["node", "balance"]).await;
    assert_eq!(balance["onchain_sat"], 0);
    let node = home.start(&["node", "run"]).await;
    assert_eq!(node.said["node_id"], id);
    let invoice = home.json(&["node", "invoice", "7 sat"]).await;
    assert_eq!(invoice["amount_msat"], 7000);
    assert!(node.stop().await.success());
    assert!(!home.ldk("pay.sock").exists());
}
