//! `l402 tokens`: what is left of them, and their way out of this machine.

use serde_json::json;

use crate::program::{Home, Serving};
use crate::stranger::server;

const TABLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\na quote";

/// A gateway that sells ten answers for 50 sat, and one answer that was bought.
fn bought(home: &Home) -> (Serving, String, String) {
    bought_of(home, "uses=10")
}

/// A gateway that sells by this policy for 50 sat, the URL of an answer that was bought, and its payment
/// hash.
pub(crate) fn bought_of(home: &Home, policy: &str) -> (Serving, String, String) {
    let upstream = format!("http://{}", server(|_| TABLE.to_owned()));
    let gateway = home.serve(&[
        "serve",
        "--upstream",
        &upstream,
        "--price",
        "50 sat",
        "--policy",
        policy,
        "--listen",
        "127.0.0.1:0",
    ]);
    let url = gateway.url("/quote");
    home.run(&["get", &url, "--wallet", "sandbox"]).expect(0);
    let listed = home.run(&["tokens", "list"]).expect(0).json();
    let hash = listed[0]["payment_hash"].as_str().expect("a hash");
    (gateway, url, hash.to_owned())
}

/// The status of a request with this credential, sent by hand.
fn status(gateway: &Serving, authorization: &str) -> String {
    let answer = answer(gateway, authorization);
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// The answer to a request with this credential, sent by hand.
pub(crate) fn answer(gateway: &Serving, authorization: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut socket = std::net::TcpStream::connect(gateway.address()).expect("it listens");
    let request = format!(
        "GET /quote HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: {authorization}\r\n\r\n",
        gateway.address()
    );
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn what_is_left_is_told_and_no_secret() {
    let home = Home::new();
    let (_gateway, url, hash) = bought(&home);
    let id = &hash[..12];
    let list = home.run(&["tokens", "list"]).expect(0).json();
    assert_eq!(list[0]["uses_left"], 9);
    assert_eq!(list[0]["policy"], "uses=10");
    assert_eq!(list[0]["usable"], true);
    assert!(list[0]["until"].as_u64().is_some());
    let exported = home.run(&["tokens", "export", id]).expect(0);
    let credential = exported.stdout.trim().to_owned();
    assert!(
        exported.stderr.contains("whoever holds this"),
        "{exported:#?}"
    );
    let (token, preimage) = credential
        .strip_prefix("L402 ")
        .and_then(|rest| rest.rsplit_once(':'))
        .expect("a credential");
    let shown = home.run(&["tokens", "show", id]).expect(0);
    assert_eq!(shown.json()["payment_hash"], hash.as_str());
    let text = format!("{}{}", shown.stdout, list);
    assert!(!text.contains(token) && !text.contains(preimage), "{text}");
    // As curl would ask with it: a use that is counted here, too.
    home.run(&["get", &url]).expect(0);
    let list = home.run(&["tokens", "list"]).expect(0).json();
    assert_eq!(list[0]["uses_left"], 8);
}

#[test]
fn a_forgotten_token_stays_a_payment() {
    let home = Home::new();
    let (_gateway, url, hash) = bought(&home);
    let id = &hash[..8];
    // Nobody is there to be asked.
    let ran = home.run(&["tokens", "forget", id]).expect(64);
    assert!(ran.stderr.contains("--yes"), "{ran:#?}");
    let forget = ["tokens", "forget", id, "--yes"];
    assert_eq!(home.run(&forget).expect(0).json()["forgotten"], true);
    assert_eq!(home.run(&forget).expect(0).json()["forgotten"], false);
    assert_eq!(home.run(&["tokens", "list"]).expect(0).json(), json!([]));
    let ended = home.run(&["tokens", "list", "--ended"]).expect(0).json();
    assert_eq!(ended[0]["usable"], false);
    let paid = home.run(&["payments"]).expect(0).json();
    assert_eq!(paid[0]["payment_hash"], hash.as_str());
    // Without a wallet the price is all there is to get.
    home.run(&["get", &url]).expect(10);
}

/// What is handed on works, within its limits, and only its own user can read the file.
#[test]
fn a_narrower_token_works_for_its_time_and_its_service() {
    let home = Home::new();
    let (gateway, _url, hash) = bought(&home);
    let file = home.path().join("narrow.l402");
    let path = file.to_str().expect("a path");
    let narrow = ["tokens", "attenuate", &hash, "--expires", "1h", "-o", path];
    let ran = home.run(&narrow).expect(0);
    assert!(ran.stdout.is_empty(), "{ran:#?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let credential = std::fs::read_to_string(&file).expect("a credential");
    assert_eq!(status(&gateway, credential.trim()), "200");
    // An existing file may be another credential.
    let ran = home.run(&narrow).expect(74);
    assert!(ran.stderr.contains("it exists"), "{ran:#?}");
    assert_eq!(
        std::fs::read_to_string(&file).expect("as before"),
        credential
    );
    let over = [
        "tokens",
        "attenuate",
        &hash,
        "--expires",
        "2026-01-01",
        "--json",
    ];
    let over = home.run(&over).expect(0).json();
    let over = over["authorization"]
        .as_str()
        .expect("a credential")
        .to_owned();
    assert_eq!(status(&gateway, &over), "402");
    for (args, words) in [
        (&[][..], "nothing is named"),
        (&["--service", "joke"], "not for this service"),
        (&["--expires", "9999d"], "good for more"),
        (&["--capability", "a,b"], "cannot carry"),
    ] {
        let args = [&["tokens", "attenuate", &hash][..], args].concat();
        let ran = home.run(&args).expect(64);
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        assert!(ran.stdout.is_empty(), "{ran:#?}");
    }
}

#[test]
fn an_id_names_one_payment_or_the_error_says_why_not() {
    let home = Home::new();
    for (id, words) in [
        ("abc", "4 to 64"),
        ("nothex", "hexadecimal"),
        ("abcd", "no payment begins with abcd"),
    ] {
        let ran = home.run(&["tokens", "show", id]).expect(64);
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
}
