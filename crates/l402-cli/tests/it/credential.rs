//! `l402 get` and what it has paid for: kept answers, refusals, uses that are left, its own wallet.

use std::io::Read;
use std::process::Stdio;

use crate::program::Home;
use crate::seller::Seller;
use crate::stranger::server;

const WALLET: [&str; 2] = ["--wallet", "sandbox"];

const OK: &str = "HTTP/1.1 200 OK\r\n";

/// The word of a gateway of ours that is final.
const REVOKED: (&str, &[u8]) = (
    "HTTP/1.1 402 Payment Required\r\ncontent-type: application/problem+json\r\n",
    b"{\"code\":\"revoked\"}",
);

// FAULTS C9: the reader of a pipe goes away, and the rerun that the hint names.
// A file that cannot be written is the same: see /dev/full below.
#[test]
fn an_answer_that_nobody_reads_is_handed_out_by_the_next_run() {
    let home = Home::new();
    let long = "0123456789".repeat(20_000);
    let seller = Seller::open(&home, OK, long.as_bytes());
    let url = seller.url("/long");
    let args = [&["get", &url][..], &WALLET].concat();
    for _ in 0..2 {
        let mut command = home.command(&args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // As `head -c 10` does it.
        let mut begin = [0; 10];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut begin).expect("ten bytes");
        drop(stdout);
        let ended = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(74), "{stderr}");
        assert!(stderr.contains("hands it out"), "{stderr}");
        assert!(!stderr.contains("no money moved"), "{stderr}");
    }
    let ran = home.run(&args).expect(0);
    assert_eq!(ran.stdout, long);
    assert!(ran.stderr.contains("nothing is asked or paid"), "{ran:#?}");
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
}

// FAULTS C9: a full disk behind -o.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_does_not_fit_on_the_disk_is_handed_out_by_the_next_run() {
    let home = Home::new();
    let seller = Seller::open(&home, OK, b"an answer");
    let url = seller.url("/x");
    let full = [&["get", &url, "-o", "/dev/full"][..], &WALLET].concat();
    let ran = home.run(&full).expect(74);
    assert!(ran.stderr.contains("hands it out"), "{ran:#?}");
    let ran = home.run(&["get", &url]).expect(0);
    assert_eq!(ran.stdout, "an answer");
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
}

// FAULTS C4: fourteen runs against a seller who refuses, one payment.
#[test]
fn a_seller_who_refuses_for_good_is_paid_once() {
    let home = Home::new();
    let seller = Seller::open(&home, REVOKED.0, REVOKED.1);
    let url = seller.url("/x");
    let args = [&["get", &url][..], &WALLET].concat();
    let ran = home.run(&args).expect(19);
    for words in ["revoked", "would pay again", "--yes"] {
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
    for _ in 1..14 {
        let ran = home.run(&args).expect(48);
        for words in ["no money moved", "revoked", "--yes", "20"] {
            assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        }
    }
    assert_eq!(seller.income(), 50_000);
    home.run(&[&args[..], &["--yes"]].concat()).expect(19);
    home.run(&args).expect(48);
    assert_eq!(seller.income(), 100_000);
}

/// The default pauses, and the code of a refusal that may only be early.
// FAULTS C2
#[test]
fn a_refusal_without_a_reason_is_kept_for_the_next_run() {
    let home = Home::new();
    let seller = Seller::open(&home, "HTTP/1.1 401 Unauthorized\r\n", b"");
    let url = seller.url("/x");
    // The time of -m bounds the pauses as well.
    let args = [&["get", &url, "-m", "2"][..], &WALLET].concat();
    let ran = home.run(&args).expect(15);
    assert!(ran.stderr.contains("does not pay twice"), "{ran:#?}");
    assert_eq!((seller.seen(), seller.income()), ((1, 2), 50_000));
}

// FAULTS C1: what is left is told.
#[test]
fn the_uses_that_are_left_are_told() {
    for (head, words) in [
        ("l402-use: spent\r\nl402-uses-left: 9\r\n", "9 uses left"),
        ("l402-use: spent\r\nl402-uses-left: 1\r\n", "1 use left"),
        (
            "l402-use: pending\r\nl402-expires: 4102444800\r\n",
            "good until 2100-01-01 00:00:00 UTC",
        ),
    ] {
        let home = Home::new();
        let seller = Seller::open(&home, &format!("{OK}{head}"), b"an answer");
        let url = seller.url("/x");
        let args = [&["get", &url][..], &WALLET].concat();
        let ran = home.run(&args).expect(0);
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        let ran = home.run(&args).expect(0);
        assert!(ran.stderr.contains("nothing was paid"), "{ran:#?}");
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        let ran = home.run(&[&args[..], &["-s"]].concat()).expect(0);
        assert!(ran.stderr.is_empty(), "{ran:#?}");
        assert_eq!(seller.income(), 50_000);
    }
}

#[test]
fn a_paid_error_says_what_became_of_the_payment() {
    for (said, words) in [
        (
            "l402-use: kept\r\n",
            "the payment is unused: the same command again",
        ),
        ("l402-use: spent\r\n", "the use of the payment is spent"),
        (
            "l402-use: spent\r\nl402-uses-left: 9\r\n",
            "takes the next, and does not pay again",
        ),
        (
            "",
            "it is not known whether the use of the payment is spent",
        ),
    ] {
        let home = Home::new();
        let head = format!("HTTP/1.1 404 Not Found\r\n{said}");
        let seller = Seller::open(&home, &head, b"not here");
        let url = seller.url("/x");
        let args = [&["get", &url][..], &WALLET].concat();
        let ran = home.run(&args).expect(0);
        assert_eq!(ran.stdout, "not here");
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        let ran = home.run(&[&args[..], &["--fail"]].concat()).expect(22);
        assert!(ran.stdout.is_empty(), "{ran:#?}");
    }
}

// FAULTS C16: the wallet's own API, by its address, by another name of it, and behind a redirect.
#[test]
fn the_wallets_own_address_is_never_asked() {
    let owner = Home::new();
    let sandbox = owner.serve(&["sandbox", "--listen", "127.0.0.1:0"]);
    let wallet = format!("sandbox+{}", sandbox.url(""));
    let api = sandbox.url("/v1/faucet");
    let to = api.clone();
    let redirect = server(move |_| {
        format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n"
        )
    });
    let redirect = format!("http://{redirect}/");
    let by_name = api.replace("127.0.0.1", "localhost");
    let home = Home::new();
    for url in [&api, &by_name, &redirect] {
        let args = ["get", "-L", "-X", "POST", url, "--wallet", &wallet];
        let ran = home.run(&args).expect(47);
        assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
        // A proxy leads to no address that is not asked directly.
        let mut command = home.command(&args);
        command.env("all_proxy", "http://127.0.0.1:1");
        let proxied = command.output().expect("the program starts");
        assert_eq!(proxied.status.code(), Some(47), "{url}: {proxied:?}");
    }
    // Listeners that other programs of this home have noted, and the usual ports.
    let run = home.path().join("home/run");
    std::fs::create_dir_all(&run).expect("a folder");
    std::fs::write(run.join("sandbox"), sandbox.address()).expect("a note");
    for url in [
        &api,
        "http://127.0.0.1:8403/",
        "http://[::1]:8405/",
        "http://127.0.0.1:8408/",
    ] {
        home.run(&["get", url]).expect(47);
    }
}

/// A gateway that sells every request, also one that fails: `--fail` shows no body, and what it cost
/// is not taken for a fault of the seller at the next run.
#[test]
fn an_error_that_used_the_payment_up_is_had_with_fail_as_well() {
    let home = Home::new();
    let upstream = server(|_| {
        "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnone".to_owned()
    });
    let file = home.file(
        "l402.toml",
        &format!(
            "[[route]]\npath = \"/a\"\nupstream = \"http://{upstream}\"\nprice = \"7 sat\"\n\
             charge = \"request\"\n"
        ),
    );
    let file = file.to_str().expect("a path");
    let shop = home.serve(&["serve", "--config", file, "--listen", "127.0.0.1:0"]);
    let url = shop.url("/a");
    for _ in 0..3 {
        let ran = home
            .run(&[&["get", "--fail", &url][..], &WALLET].concat())
            .expect(22);
        assert!(ran.stdout.is_empty(), "{ran:#?}");
        assert!(ran.stderr.contains("pays again"), "{ran:#?}");
    }
    let rows = home.run(&["payments", "--state", "served"]).expect(0);
    assert_eq!(rows.json().as_array().expect("rows").len(), 3, "{rows:#?}");
}

/// A redirect that has used the payment up, and an answer behind it that is lost, or an error.
#[test]
fn what_is_behind_a_used_up_payment_is_told_as_it_is() {
    let other = server(|asked| {
        let (status, length) = match asked {
            "GET /breaks" => ("200 OK", 9),
            "GET /missing" => ("404 Not Found", 4),
            "GET /busy" => ("429 Too Many Requests", 4),
            // The connection stays open, and no answer comes.
            "GET /hangs" => return String::new(),
            _ => ("200 OK", 4),
        };
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\nhere")
    });
    for (path, status, words) in [
        ("/breaks", 19, "would pay again"),
        ("/missing", 0, "running it again pays again"),
        ("/busy", 20, "running it again pays again"),
        ("/hangs", 19, "running it again pays again"),
    ] {
        let home = Home::new();
        let head = format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{other}{path}\r\nl402-use: spent\r\n\
             l402-uses-left: 0\r\n"
        );
        let seller = Seller::open(&home, &head, b"");
        let url = seller.url("/x");
        let mut args = [&["get", "-L", &url][..], &WALLET].concat();
        if path == "/hangs" {
            args.extend(["-m", "3"]);
        }
        let ran = home.run(&args).expect(status);
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        assert!(!ran.stderr.contains("does not pay twice"), "{ran:#?}");
        assert_eq!(seller.income(), 50_000);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_behind_a_used_up_payment_is_kept_where_it_cannot_be_written() {
    let home = Home::new();
    let other = server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere".to_owned()
    });
    let head = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{other}/\r\nl402-use: spent\r\nl402-uses-left: 0\r\n"
    );
    let seller = Seller::open(&home, &head, b"");
    let url = seller.url("/x");
    let full = [&["get", "-L", &url, "-o", "/dev/full"][..], &WALLET].concat();
    let ran = home.run(&full).expect(74);
    assert!(ran.stderr.contains("hands it out"), "{ran:#?}");
    let ran = home.run(&["get", "-L", &url]).expect(0);
    assert_eq!(ran.stdout, "here");
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
}
