//! `l402 sandbox`.

use crate::program::Home;

/// The relay's address in the URI of a connection, and the URI without it.
fn parts(uri: &str) -> (String, String) {
    let url = url::Url::parse(uri).expect("a URI");
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let [(relay, address), (secret, value)] = &pairs[..] else {
        panic!("{} members", pairs.len());
    };
    assert_eq!((&relay[..], &secret[..]), ("relay", "secret"));
    let address = address.strip_prefix("ws://").expect("a relay");
    let wallet = url.host_str().expect("a wallet");
    (
        address.trim_end_matches('/').to_owned(),
        format!("{wallet} {value}"),
    )
}

#[test]
fn a_wallet_for_nwc_is_the_same_at_every_start() {
    let home = Home::new();
    let args = ["sandbox", "--listen", "127.0.0.1:0", "--nwc"];
    let uri = |serving: &crate::program::Serving| {
        let uri = serving.announced["nwc"].as_str().expect("a URI");
        assert!(uri.starts_with("nostr+walletconnect://"));
        parts(uri)
    };
    let mut first = home.serve(&args);
    let (relay, wallet) = uri(&first);
    // A second one beside it has the same wallet at another relay.
    let second = home.serve(&args);
    let (other, same) = uri(&second);
    assert_eq!(wallet, same);
    assert_ne!(relay, other);
    // Each error of a start says which option to change.
    let taken = [&args[..], &["--nwc-listen", &relay]].concat();
    let ran = home.run_start(&taken);
    assert!(ran.stderr.contains("--nwc-listen 127.0.0.1:"), "{ran:#?}");
    let secret = wallet.split_once(' ').expect("two words").1;
    assert!(!first.end().contains(secret), "a log is no place for it");
    drop(first);
    let third = home.serve(&taken);
    assert_eq!(uri(&third), (relay, wallet));
}

#[test]
fn a_wallet_for_nwc_stays_on_this_machine() {
    let home = Home::new();
    let args = ["sandbox", "--listen", "127.0.0.1:0"];
    let open = [&args[..], &["--nwc", "--nwc-listen", "0.0.0.0:0"]].concat();
    let ran = home.run_start(&open);
    assert!(ran.stderr.contains("127.0.0.1"), "{ran:#?}");
    let ran = home.run_start(&[&args[..], &["--nwc-listen", "0"]].concat());
    assert_eq!(ran.status, Some(64), "{ran:#?}");
    let nowhere = [&args[..], &["--nwc", "--nwc-file", "/nonexistent/a"]].concat();
    let ran = home.run_start(&nowhere);
    assert!(ran.stderr.contains("/nonexistent/a"), "{ran:#?}");
}

#[test]
fn the_demo_is_bought_through_nwc() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let file = home.path().join("play.nwc");
    let name = file.display().to_string();
    let args = ["sandbox", "--listen", "127.0.0.1:0", "--nwc"];
    let _wallet = home.serve(&[&args[..], &["--nwc-file", &name]].concat());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).expect("a file").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let balance = || home.run(&["wallet", "balance"]).expect(0).json()["balance_msat"].clone();
    let before = balance().as_u64().expect("msat");
    let joke = demo.url("/api/l402/joke");
    let wallet = format!("nwc:{name}");
    home.run(&["get", &joke, "--wallet", &wallet]).expect(0);
    assert_eq!(balance(), before - 50_000);
}
