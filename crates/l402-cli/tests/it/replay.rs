//! `l402 replay`: a paid answer again, for nothing.

use crate::program::Home;
use crate::seller::Seller;

const OK: &str = "HTTP/1.1 200 OK\r\n";

/// A paid answer of 300,000 bytes, its body, and its id.
fn bought(home: &Home) -> (Seller, String, String) {
    let body = "0123456789".repeat(30_000);
    let seller = Seller::open(home, OK, body.as_bytes());
    let url = seller.url("/x?key=mysecret");
    let ran = home.run(&["get", &url, "--wallet", "sandbox"]).expect(0);
    assert_eq!(ran.stdout, body);
    let paid = home.run(&["payments"]).expect(0).json();
    let hash = paid[0]["payment_hash"].as_str().expect("a hash");
    (seller, body, hash.to_owned())
}

#[test]
fn a_paid_answer_is_given_again_and_nobody_is_asked() {
    let home = Home::new();
    let (seller, body, hash) = bought(&home);
    let ran = home.run(&["replay", &hash[..8]]).expect(0);
    assert_eq!(ran.stdout, body);
    assert!(ran.stderr.contains("nothing is asked or paid"), "{ran:#?}");
    assert!(!ran.stderr.contains("mysecret"), "{ran:#?}");
    let file = home.path().join("answer");
    let path = file.to_str().expect("a path");
    let ran = home.run(&["replay", &hash, "-o", path]).expect(0);
    assert!(ran.stdout.is_empty());
    assert_eq!(std::fs::read_to_string(&file).expect("an answer"), body);
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
    home.run(&["replay", "abcd0123"]).expect(64);
}

#[test]
fn of_a_changed_answer_nothing_is_written_and_a_lost_key_loses_no_payment() {
    let home = Home::new();
    let (_seller, _body, hash) = bought(&home);
    let client = home.path().join("home/client");
    let mut files = client.join("vault/had").read_dir().expect("a folder");
    let kept = files.next().expect("a file").expect("a file").path();
    let mut bytes = std::fs::read(&kept).expect("an answer");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&kept, &bytes).expect("a file");
    let ran = home.run(&["replay", &hash]).expect(74);
    assert!(ran.stdout.is_empty(), "{ran:#?}");
    assert!(ran.stderr.contains("error[answer_damaged]"), "{ran:#?}");
    std::fs::remove_file(client.join("vault.key")).expect("a key");
    let ran = home.run(&["replay", &hash]).expect(74);
    assert!(ran.stderr.contains("error[vault_key_lost]"), "{ran:#?}");
    assert!(
        ran.stderr.contains("payments and tokens are not touched"),
        "{ran:#?}"
    );
    assert_eq!(
        home.run(&["tokens", "list"]).expect(0).json()[0]["payment_hash"],
        hash.as_str()
    );
}

#[test]
fn nothing_is_kept_if_the_buyer_wants_none() {
    let home = Home::new();
    home.run(&["payments"]).expect(0);
    home.configure("[vault]\nenabled = false\n");
    let (_seller, _body, hash) = bought(&home);
    assert!(!home.path().join("home/client/vault").exists());
    let ran = home.run(&["replay", &hash]).expect(74);
    assert!(ran.stderr.contains("error[not_kept]"), "{ran:#?}");
}
